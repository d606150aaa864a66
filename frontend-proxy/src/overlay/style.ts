/**
 * Declarations with `!important` in a shadow tree override all declarations of the page, even those
 * with `!important`.
 */
export const CSS = `
:host {
  all: initial !important;
  display: block !important;
  position: fixed !important;
  inset: auto !important;
  z-index: 2147483647 !important;
  margin: 8px !important;
  overflow: visible !important;
  pointer-events: none !important;
  color-scheme: light dark !important;
  --surface: light-dark(#fff, #1f2127);
  --text: light-dark(#1d1e22, #ececf0);
  --muted: light-dark(#5c5e67, #a2a5b0);
  --line: light-dark(#dedbd4, #33363f);
  --accent: light-dark(#3f57d4, #8ea1ff);
  --connected: light-dark(#1f7a45, #63cf92);
  --trying: light-dark(#1f5fbf, #7db4ff);
  --failed: light-dark(#b3261e, #ff8f86);
  --unknown: var(--muted);
  font: 13px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif !important;
  color: var(--text) !important;
}
:host([data-corner^='bottom']) { bottom: 0 !important; }
:host([data-corner^='top']) { top: 0 !important; }
:host([data-corner$='right']) { right: 0 !important; }
:host([data-corner$='left']) { left: 0 !important; }
@media print {
  :host { display: none !important; }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.frame { display: flex; flex-direction: column; gap: 6px; align-items: flex-end; }
:host([data-corner$='left']) .frame { align-items: flex-start; }
:host([data-corner^='bottom']) .frame { flex-direction: column-reverse; }
button { font: inherit; color: inherit; cursor: pointer; background: none; border: 0; margin: 0; }
:is(a, button, .list):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.badge, .panel { pointer-events: auto; }
.badge {
  display: flex; align-items: center; gap: 6px; min-height: 28px; padding: 3px 10px 3px 8px;
  background: var(--surface); border: 1px solid var(--line); border-radius: 14px;
  box-shadow: 0 1px 4px rgb(0 0 0 / 25%);
}
.badge.small { padding: 3px; min-width: 28px; justify-content: center; }
.badge.small .text { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
.sign { font-weight: 700; color: var(--muted); }
[data-state='connected'] > .sign, [data-state='connected'] .word { color: var(--connected); }
[data-state='trying'] > .sign, [data-state='trying'] .word { color: var(--trying); }
[data-state='failed'] > .sign, [data-state='failed'] .word { color: var(--failed); }
.panel {
  display: flex; flex-direction: column; width: 360px; max-width: calc(100vw - 16px);
  max-height: min(480px, calc(100vh - 60px)); background: var(--surface);
  border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 4px 18px rgb(0 0 0 / 30%);
}
.list { overflow: auto; padding: 4px 12px 8px; overscroll-behavior: contain; }
h2, h3 { font-size: inherit; margin: 8px 0 2px; }
h3 { overflow-wrap: anywhere; }
p { margin: 4px 0; overflow-wrap: anywhere; }
ul { list-style: none; margin: 0; padding: 0; }
li { border-top: 1px solid var(--line); padding: 6px 0; }
h3 + ul > li:first-child { border-top: 0; }
a { color: var(--accent); overflow-wrap: anywhere; }
.word { font-weight: 600; }
.note { color: var(--muted); }
.tools {
  display: flex; flex-wrap: wrap; gap: 2px 12px; align-items: center; padding: 6px 12px;
  border-top: 1px solid var(--line);
}
.tools button { padding: 2px 0; text-decoration: underline; color: var(--accent); }
.news { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
`
