/** The page's style: system fonts, both themes by what the reader prefers, rows as cards on a phone. */
export const style = `
:root { color-scheme: light dark; --page: #fbfbfa; --card: #ffffff; --ink: #1d2126; --soft: #5c6670; --line: #dfe3e6; --quiet: #d3dae0; --bar: #2f6f9f; --bad: #c0392b; --good: #1e7d4f; --warn: #94640a; --goodback: #e2f3e9; --badback: #fbe6e3; --warnback: #fbf0d9; --plainback: #e9edf0; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --card: #1c2125; --ink: #e7eaec; --soft: #9aa5ae; --line: #31383e; --quiet: #3b444c; --bar: #6eb1e1; --bad: #ef7a6d; --good: #62c796; --warn: #e0b25a; --goodback: #173527; --badback: #43201c; --warnback: #3a2f16; --plainback: #2a3137; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 20px 60px; max-width: 1080px; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 4px 0 10px; }
h2 { font-size: 1.1rem; margin: 34px 0 10px; }
.kicker { margin: 0; color: var(--soft); font-size: 13px; }
.lead { font-size: 1.05rem; margin: 0 0 6px; }
.system { margin: 0; color: var(--soft); }
.notice { background: var(--warnback); color: var(--warn); padding: 8px 12px; border-radius: 6px; }
.partial { margin: 8px 0; padding: 12px 16px; border-radius: 6px; border: 2px solid var(--warn); background: var(--warnback); color: var(--warn); font-size: 1.1rem; font-weight: 600; }
.verdict, .chip { display: inline-block; border-radius: 6px; padding: 1px 8px; font-weight: 600; white-space: nowrap; }
.verdict { padding: 2px 12px; margin-right: 6px; }
.chip { font-size: 13px; }
.passed, .certified { background: var(--goodback); color: var(--good); }
.failed, .could-not-run { background: var(--badback); color: var(--bad); }
.evidence-missing, .not-measurable, .inconclusive { background: var(--warnback); color: var(--warn); }
.within-limits { background: var(--plainback); color: var(--ink); }
small { display: block; color: var(--soft); }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
th, td { text-align: left; vertical-align: top; padding: 8px 10px; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-size: 13px; font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.observer { color: var(--soft); font-size: 13px; max-width: 240px; }
.sentence td { border-top: 0; padding-top: 0; color: var(--soft); font-size: 13px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 14px; }
figure { margin: 0; padding: 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
figcaption { font-weight: 600; margin-bottom: 6px; }
.none { color: var(--soft); margin: 18px 0; }
svg { display: block; width: 100%; height: auto; }
svg .bar { fill: var(--bar); } svg .bad { fill: var(--bad); } svg .quiet { fill: var(--quiet); }
svg .frame { stroke: var(--line); } svg .limit { stroke: var(--bad); stroke-dasharray: 4 3; } svg .mark { stroke: var(--ink); }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); } svg .label { fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.legend { margin: 6px 0 0; font-size: 13px; color: var(--soft); } .key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 10px; } .key:first-child { margin-left: 0; } .key.bar { background: var(--bar); } .key.bad { background: var(--bad); } .key.quiet { background: var(--quiet); }
details svg { max-width: 520px; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; margin-bottom: 10px; }
summary { cursor: pointer; }
.finals { margin: 8px 0; padding-left: 20px; font-size: 13px; } .finals span { color: var(--soft); }
code { font: 12px/1.5 ui-monospace, monospace; background: var(--plainback); padding: 1px 5px; border-radius: 4px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; } dt { color: var(--soft); } dd { margin: 0; }
@media (max-width: 720px) {
  body { padding: 18px 12px 40px; } h1 { font-size: 1.3rem; }
  thead { display: none; } table, tbody, tr, th, td { display: block; width: 100%; border: 0; }
  table { border: 0; background: none; }
  tr { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 8px 12px; margin-bottom: 10px; }
  .verdicts tr:not(.sentence) { margin-bottom: 0; border-bottom: 0; border-radius: 8px 8px 0 0; }
  .verdicts tr.sentence { border-top: 0; border-radius: 0 0 8px 8px; }
  th, td { padding: 2px 0; } .observer { max-width: none; } .number { text-align: right; }
  td[data-name] { display: flex; justify-content: space-between; gap: 12px; flex-wrap: wrap; }
  td[data-name]::before { content: attr(data-name); color: var(--soft); font-size: 13px; }
  td.observer { justify-content: flex-start; } td[data-name] small { width: 100%; }
  dl { grid-template-columns: 1fr; } dt { margin-top: 6px; }
  svg text { font-size: 12.5px; }
}
@media print { body { max-width: none; } details { break-inside: avoid; } }
`;
