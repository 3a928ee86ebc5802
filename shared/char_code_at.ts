// Pure.
/**
 * `charCodeAt.call(text, i)` for loops over texts of many shapes (flat, slices, joined, known): called as a method it is
 * looked up anew for each letter, which takes three times as long as the rest of such a loop.
 */
export const { charCodeAt } = String.prototype;
