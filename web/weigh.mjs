// Packs the page's files once, as small as they get, and says what they weigh.
import { brotliCompressSync, constants } from 'node:zlib';

/**
 * The whole page with the trend, as sent over plain HTTP: there browsers take gzip only; brotli is for TLS and for this
 * machine itself.
 */
export const BUDGET_BYTES = 60_000;
/** More finds a few bytes at most. */
const ROUNDS = 30;

/** A file and its packed twins, by what is put behind its name. */
export async function pack(bytes) {
  // Loaded last: it takes every error of the process for its own.
  const { gzipAsync } = await import('@gfx/zopfli');
  const gz = await gzipAsync(bytes, { numiterations: ROUNDS });
  const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length, [constants.BROTLI_PARAM_LGWIN]: 22 } });
  return { '': bytes, '.br': br, '.gz': gz };
}

/** Prints what each file has, and gives back what the page has with gzip. */
export function weigh(files) {
  const whole = Object.keys(files).filter((name) => !/\.(br|gz)$/.test(name));
  const total = ['', '.gz', '.br'].map((ending) => whole.reduce((sum, name) => sum + files[name + ending].bytes, 0));
  const line = (sizes, name) => console.log(`${String(sizes[0]).padStart(8)} ${String(sizes[1]).padStart(7)} gz ${String(sizes[2]).padStart(7)} br  ${name}`);
  for (const name of whole) line(['', '.gz', '.br'].map((ending) => files[name + ending].bytes), name);
  line(total, 'the whole page');
  return total[1];
}
