/** The parts of `window` that are readable in a page of any origin. */
export interface Frame {
  /** The page around the frame, as the list of its frames. It is the frame itself at the top. */
  readonly parent?: (Frame & ArrayLike<Frame>) | null
}

/**
 * Returns where a frame is in the page of the tab, as the indices from the top down, such as `0.1.`.
 * It is empty for the page of the tab itself. No two frames of a tab have the same place at a time,
 * except those in shadow trees, which have no index.
 */
export function framePlace(frame: Frame): string {
  const { parent } = frame
  if (!parent || parent === frame) return ''
  // `Array.from` would read `Symbol.iterator`, which a page of another origin refuses.
  return `${framePlace(parent)}${Array.prototype.indexOf.call(parent, frame)}.`
}
