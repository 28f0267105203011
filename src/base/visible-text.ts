// Text that others chose (a path, a name that a peer gives itself, a claim of a token) on its way into a line of a log or a
// terminal: what would end the line, move the cursor or turn the text's direction shows as its escape instead.

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNSEEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const EACH_UNSEEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
const EACH_BEYOND_ASCII = /[\u0080-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** One line of it; tabs stay. */
export function visibleText(text: string): string {
  return UNSEEN.test(text) ? text.replace(EACH_UNSEEN, escaped) : text;
}

/** The same of lines whose own ends stay. */
export function visibleBeyondAscii(text: string): string {
  return text.replace(EACH_BEYOND_ASCII, escaped);
}

function escaped(unseen: string): string {
  return `\\u${unseen.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
