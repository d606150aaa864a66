type Attributes = Readonly<Record<string, string>>

/** Creates an element. Strings become text, never HTML, because they can come from other peers. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const created = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value)
  created.append(...children)
  return created
}

/**
 * Changes the text of a node only if it is different, so that a screen reader and a selection keep
 * their place.
 */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text
}
