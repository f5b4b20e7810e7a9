import type { Notice } from '../controller/notice.ts';

/** Slack refuses a longer header, and a longer section. */
const headerCharsMax = 150;
const sectionCharsMax = 3_000;

const marks = { critical: ':rotating_light:', warning: ':warning:', info: ':information_source:' } as const;

/** A message for Slack's incoming webhooks and for what understands them (Mattermost, Rocket.Chat, Discord's /slack). */
export function slackBody(notice: Notice): string {
  const { title, severity, howBad, forWhom, howSure, done, nextStep, actor, reason } = notice;
  const lines: readonly (readonly [string, string | null])[] = [
    ['How bad', howBad],
    ['For whom', forWhom],
    ['How sure', howSure],
    ['Done', done],
    ['Next', nextStep],
    ['By', `${actor}: ${reason}`],
  ];
  const said = lines.flatMap(([label, text]) =>
    text === null || text === '' ? [] : [`*${label}:* ${plain(text)}`],
  );
  return JSON.stringify({
    // What notifications and clients without blocks show.
    text: cut(
      `${marks[severity]} ${plain(title)}${howBad === null ? '' : ` – ${plain(howBad)}`}`,
      sectionCharsMax,
    ),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(title, headerCharsMax) } },
      { type: 'section', text: { type: 'mrkdwn', text: cut(said.join('\n'), sectionCharsMax) } },
    ],
  });
}

/** Slack's three control characters; without them no text of ours mentions a channel or makes a link. */
function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1).replace(/&[a-z]*$/, '')}…`;
}
