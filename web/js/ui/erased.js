// What stands where a value of a person was erased: 16 digits that stand for the person, and `::` for an address. It is no value,
// and is not shown as one.

const DIGITS = /^erased:([0-9a-f]{16})$/;

/** The digits that stand for a person; null for every other text. */
export const digitsOf = (text) => DIGITS.exec(text)?.[1] ?? null;

/** What stands for an address that was erased. */
export const NO_ADDRESS = '::';

/** How many values of an event were erased: its salt is a list then, with a commitment (64 digits) for each of them. */
export const erasedIn = (event) => (Array.isArray(event.salt) ? event.salt.filter((one) => String(one).length === 64).length : 0);
