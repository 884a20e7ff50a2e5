// What the buttons' own shortcuts leave open: a key that is held down judges no passage that nobody has
// read, and the field for a note has the focus when it comes.
const JUDGES = /^[0-3xu]$/i;

const swallow = (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea");
  if (event.repeat && JUDGES.test(event.key) && !typing) event.stopImmediatePropagation();
};

// The field is drawn by somebody else, a moment sooner or later.
const focus = (selector, tries) => {
  const field = document.querySelector(selector);
  if (field) field.focus();
  else if (tries > 0) setTimeout(focus, 20, selector, tries - 1);
};

export default ({ data }) => {
  window.addEventListener("keydown", swallow, true);
  if (data.focus) focus(data.focus, 100);
  return () => window.removeEventListener("keydown", swallow, true);
};
