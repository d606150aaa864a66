/// <reference types="vite/client" />

/** Returns an element that index.html must contain, and throws if it does not. */
export function part<Type extends Element>(
  root: ParentNode,
  selector: string,
  type: new () => Type,
): Type {
  const found = root.querySelector(selector)
  if (found instanceof type) return found
  throw new Error(`index.html has no ${type.name} at ${selector}`)
}

/** Returns a copy of the first element inside a `<template>`. */
export function copyOf(templateId: string): HTMLElement {
  const template = part(document, `#${templateId}`, HTMLTemplateElement)
  const copy = template.content.firstElementChild?.cloneNode(true)
  if (copy instanceof HTMLElement) return copy
  throw new Error(`the template ${templateId} is empty`)
}
