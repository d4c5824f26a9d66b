// A short CSS path to an element, to name what a web vital was about.

/** Longest selector in characters: enough to find the element, short enough to group by. */
const LONGEST = 100;

/** `Node.ELEMENT_NODE` and `Node.DOCUMENT_NODE`. */
const ELEMENT = 1;
const DOCUMENT = 9;

/** The path from the nearest ancestor with an id, nearest steps kept; '' when there is no element. */
export function selector(node: Node | null | undefined): string {
  let path = '';
  for (let at = node; at && at.nodeType !== DOCUMENT; at = at.parentNode) {
    if (at.nodeType !== ELEMENT) continue;
    const step = stepOf(at as Element);
    const longer = path ? step + '>' + path : step;
    if (longer.length > LONGEST) return path || longer.slice(0, LONGEST);
    path = longer;
    if (step[0] === '#') break;
  }
  return path;
}

function stepOf(element: Element): string {
  const id = element.getAttribute('id');
  if (id) return '#' + id;
  const classes = (element.getAttribute('class') ?? '').trim();
  return element.localName + (classes && '.' + classes.split(/\s+/).join('.'));
}
