/** What a person says of a rollout before the first plan is written. */
export interface FirstPlan {
  readonly name: string;
  readonly flag: string;
  readonly control: string;
  readonly candidate: string;
  readonly build: string;
  /** Where an editor finds the schema of plans; absent: nowhere. */
  readonly schema?: string;
}

/** A plan to begin with, as YAML with a word on each part. Texts go in as JSON, which YAML reads as it is. */
export function firstPlan({ name, flag, control, candidate, build, schema }: FirstPlan): string {
  const text = (value: string): string => JSON.stringify(value);
  const editor = schema === undefined ? '' : `# yaml-language-server: $schema=${schema}\n`;
  return `${editor}# Every field is in docs/plan-reference.md. Check this file with: crossfade plan validate
name: ${text(name)}
flag: ${text(flag)}

control: { upstream: ${text(control)} }
# A rollback is final for a build: a mended one is another rollout. Acceptance evidence must name this build.
candidate: { upstream: ${text(candidate)}, build: ${text(build)} }

# Named groups of users. Long lists of keys come from a file: crossfade audience import
audiences:
  internal:
    description: Our own people
    when: { attribute: email, op: endsWith, value: '@example.com' }

# Who is in, and for how much healthy, observed time, before the next stage begins.
stages:
  - { name: internal, audiences: [internal], bake: 24h, minSessionsPerHour: 1 }
  - { name: tenth, share: 10, bake: 48h }
  - { name: half, share: 50, bake: 48h }
  - { name: everybody, share: 100, bake: 48h, approval: true }

# required: only an acceptance report opens the first stage. waiver: a person may, on record.
acceptance: waiver

# What open sessions do at a rollback: finish, migrate (at the next pause in speech) or cut.
drain: migrate
`;
}
