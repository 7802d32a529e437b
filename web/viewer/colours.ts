// Colours of segments.

export type Colour = readonly [red: number, green: number, blue: number];

/** For segments that recommend none; told apart by the colour-blind too (Okabe and Ito). */
const OWN: readonly Colour[] = [
  [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
];

/** The colour of a segment that recommends none, by its number. */
export const ownColour = (number: number): Colour => OWN[(Math.max(number, 1) - 1) % OWN.length]!;

// PS3.3 C.10.7.1.1 means the white of the ICC's connection space, D50. highdicom, which writes many
// segmentations, takes sRGB's own, D65: so do we, and give back the very colours that were meant.
// Between the two lie a few steps of 255.
const WHITE = [0.950456, 1, 1.088754] as const;
const TO_SRGB = [
  [3.2404542, -1.5371385, -0.4985314],
  [-0.969266, 1.8760108, 0.041556],
  [0.0556434, -0.2040259, 1.0572252],
] as const;

/** CIELab as DICOM stores it, three numbers of 16 bits, as sRGB of 8 bits; null of anything else. */
export function fromCIELab(stored: readonly number[]): Colour | null {
  if (stored.length !== 3 || stored.some((one) => !(one >= 0 && one <= 0xffff))) return null;
  const [l, a, b] = stored as [number, number, number];
  const y = ((l * 100) / 0xffff + 16) / 116;
  const x = y + ((a * 255) / 0xffff - 128) / 500;
  const z = y - ((b * 255) / 0xffff - 128) / 200;
  const xyz = [x, y, z].map((one, at) => WHITE[at as 0]! * (one > 6 / 29 ? one ** 3 : 3 * (6 / 29) ** 2 * (one - 4 / 29)));
  const channel = (row: readonly number[]): number => {
    const linear = Math.min(1, Math.max(0, row.reduce((sum, one, at) => sum + one * xyz[at]!, 0)));
    const curved = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
    return Math.round(curved * 255);
  };
  return [channel(TO_SRGB[0]), channel(TO_SRGB[1]), channel(TO_SRGB[2])];
}
