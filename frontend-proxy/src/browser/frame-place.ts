/** The properties of `window` that a script of any origin may read. */
export interface Frame {
  /**
   * The window that contains the frame. This window is also an array-like list of the frames in it.
   * The top window is its own parent.
   */
  readonly parent?: (Frame & ArrayLike<Frame>) | null
}

/**
 * Returns the place of a frame in its tab: the index of the frame in `window.frames` at each level,
 * from the top window down. For example, `0.1.` is the second frame in the first frame. The top
 * window has an empty place. No two frames of a tab have the same place at the same time, except
 * frames in shadow trees, which have no index.
 */
export function framePlace(frame: Frame): string {
  const { parent } = frame
  if (!parent || parent === frame) return ''
  // `Array.from` would read `Symbol.iterator`, which throws for a window of another origin.
  return `${framePlace(parent)}${Array.prototype.indexOf.call(parent, frame)}.`
}
