import type { ReloadReply, SiteProblemReply, SiteReply } from './http/contract.ts';
import type { ReloadAnswer } from './http/site-routes.ts';
import type { Refusal, ReloadOutcome, SiteChanges } from './reloads.ts';
import type { SiteProblem } from './site/problem.ts';

/** Keys of each kind that an answer names; the counts tell the rest. */
const MAX_NAMED = 200;

/** Mistakes that the page is told of; whoever asks for a reload gets them all. */
const MAX_SHOWN_PROBLEMS = 100;

/** Makes an answer of an outcome: names up to a bound, and how many there are. */
export function reloadAnswer(outcome: ReloadOutcome): ReloadAnswer {
  switch (outcome.outcome) {
    case 'failed':
      return outcome;
    case 'refused':
      return { outcome: 'refused', problems: outcome.problems.map(shownProblem) };
    case 'unchanged':
      return { outcome: 'done', reply: replyOf('unchanged', nothing, outcome.warnings) };
    case 'taken':
      return { outcome: 'done', reply: replyOf('taken', outcome.changes, outcome.warnings) };
  }
}

const nothing: SiteChanges = {
  links: { kept: [], restarted: [], added: [], removed: [] },
  assets: { added: [], removed: [], renamed: [] },
};

function replyOf(
  outcome: ReloadReply['outcome'],
  { links, assets }: SiteChanges,
  warnings: readonly SiteProblem[],
): ReloadReply {
  return {
    outcome,
    links: { restarted: named(links.restarted), added: named(links.added), removed: named(links.removed) },
    assets: { added: named(assets.added), removed: named(assets.removed), renamed: named(assets.renamed) },
    warnings: warnings.map(shownProblem),
  };
}

/** What `GET /api/site` says of a refusal that stands. */
export function shownRefusal({ sinceMs, problems }: Refusal): NonNullable<SiteReply['refused']> {
  return { sinceMs, count: problems.length, problems: problems.slice(0, MAX_SHOWN_PROBLEMS).map(shownProblem) };
}

function shownProblem({ file, line, column, code, text, suggestion }: SiteProblem): SiteProblemReply {
  return { file, line, column, code, text, suggestion: suggestion ?? null };
}

function named<Key>(keys: readonly Key[]): { readonly count: number; readonly keys: readonly Key[] } {
  return { count: keys.length, keys: keys.slice(0, MAX_NAMED) };
}
