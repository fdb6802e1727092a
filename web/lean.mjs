// uPlot without the parts this page has its own of.
//
// uPlot's source has a switch for each of its features, and its package ships with all of them on. The trend uses its
// axes, grid and scales; legend, cursor and the drawing of series are the page's own (decision 0007). Each switch set
// here takes a feature's code out of the build; a uPlot whose text has none of them fails it.
import { readFileSync } from 'node:fs';

const SWITCHES = [
  // The helpers and line shapes offered beside the class.
  [/\nuPlot\.assign = [^]*?(?=\nexport )/g, ''],
  [/const linearPath = linear\(\) ;/g, 'const linearPath = null;'],
  [/const pointsPath = points\(\) ;/g, 'const pointsPath = null;'],
  [/const showLegend = legend\.show;/g, 'const showLegend = false;'],
  [/const showCursor = +cursor\.show;/g, 'const showCursor = false;'],
];

/** An esbuild plugin. */
export const leanPlot = {
  name: 'lean uPlot',
  setup(build) {
    build.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => {
      let contents = readFileSync(path, 'utf8');
      for (const [there, instead] of SWITCHES) {
        const found = contents.match(there)?.length ?? 0;
        if (found !== 1) return { errors: [{ text: `${there} stands ${found} times in this uPlot, not once: look at it anew` }] };
        contents = contents.replace(there, instead);
      }
      return { contents };
    });
  },
};
