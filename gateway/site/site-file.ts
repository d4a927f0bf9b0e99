import { type Static, Type } from 'typebox';
import { DURATION_PATTERN } from '../../model/duration.ts';
import { keyPattern, TextSchema } from '../../rules/profile.ts';

/** Bound on the length of a key, in characters, after templates. */
export const MAX_KEY_LENGTH = 100;

const Key = (description: string) =>
  Type.String({ pattern: keyPattern, maxLength: MAX_KEY_LENGTH, description, ...expectedKey });

/** What a message says of a key that will not do. */
export const expectedKey = {
  expected: {
    zh: `键由字母、数字组成，中间可用 - _ .，至多 ${MAX_KEY_LENGTH} 个字符`,
    en: `a key has letters and digits, with - _ . between them, and at most ${MAX_KEY_LENGTH} characters`,
  },
};

const Template = (description: string) => Type.String({ minLength: 1, maxLength: 200, description });
const Expression = (description: string) => Type.String({ minLength: 1, description });
const Ratio = (description: string) =>
  Type.Union(
    [
      Type.Number(),
      Type.String({
        pattern: '^[0-9]+(\\.[0-9]+)?%$',
        expected: { zh: '写作 0.95 或 "95%"', en: 'write 0.95 or "95%"' },
      }),
    ],
    { description },
  );
const closed = { additionalProperties: false };

export const SiteHead = Type.Object(
  {
    key: Key('short name of the site'),
    name: TextSchema,
    timeZone: Type.String({ description: 'IANA zone, e.g. Asia/Shanghai; days, nights and months follow it' }),
    latitude: Type.Number({
      minimum: -90,
      maximum: 90,
      description: 'degrees, north positive; for sunrise and sunset',
    }),
    longitude: Type.Number({ minimum: -180, maximum: 180, description: 'degrees, east positive' }),
  },
  { ...closed, description: 'the site itself' },
);
export type SiteHead = Static<typeof SiteHead>;

/** What every link has; the settings of its protocol stand beside these. */
export const LinkHead = Type.Object({
  key: Key('short name of the link'),
  name: TextSchema,
  protocol: Type.String({ description: 'how the controllers are spoken to' }),
});
export type LinkHead = Static<typeof LinkHead>;

export const RateEntry = Type.Object(
  {
    key: Key('short name of the rate'),
    name: TextSchema,
    profile: Type.Optional(Type.String({ description: 'only assets of this profile; all of the system if absent' })),
    window: Type.Union(
      [
        Type.Literal('live'),
        Type.Literal('night'),
        Type.Literal('day'),
        Type.Literal('7d'),
        Type.Literal('30d'),
        Type.Literal('month'),
        Type.Literal('campaign'),
      ],
      { description: 'live counts assets at this instant; the others weigh by time' },
    ),
    campaign: Type.Optional(Type.String({ description: 'key of a campaign below; with window: campaign only' })),
    counted: Type.Optional(Type.Boolean({ description: 'true for live, false for the others, if absent' })),
    target: Ratio('met at or above it: 0.95 or "95%"'),
    coverageTarget: Type.Optional(
      Ratio('the part of the time that must be known for the verdict to be met: 0.9 or "90%"'),
    ),
    good: Type.Optional(Expression('true while an asset is good; up of the ledger if absent')),
    due: Type.Optional(Expression('true while an asset counts; required of the ledger if absent')),
    per: Type.Optional(
      Type.Union(
        [
          Type.Literal('asset'),
          Type.Literal('group'),
          Type.Literal('floor'),
          Type.Literal('building'),
          Type.Literal('contractor'),
          Type.Literal('system'),
        ],
        { description: 'judge each of these by itself; the figure is the worst one’s' },
      ),
    ),
    alarm: Type.Optional(
      Type.Boolean({
        description:
          'whether a missed target is an alarm; if absent: live where single assets call nobody, month and campaign',
      }),
    ),
  },
  closed,
);
/** A promised rate, as written. */
export type RateEntry = Static<typeof RateEntry>;

export const SystemEntry = Type.Object(
  {
    key: Key('short name of the system'),
    name: TextSchema,
    rates: Type.Array(Type.Unknown(), { description: 'what is promised; the first one is the headline' }),
    fireSafety: Type.Optional(
      Type.Boolean({ description: 'true: all of it is fire equipment, to which nothing is ever written' }),
    ),
  },
  closed,
);
export type SystemEntry = Static<typeof SystemEntry>;

const Each = Type.Record(
  Type.String({ pattern: '^[a-z][A-Za-z0-9]*$' }),
  Type.Union([
    Type.String({ description: '1..23, both ends included' }),
    Type.Array(Type.Union([Type.Integer(), Type.String()]), { minItems: 1 }),
  ]),
  {
    minProperties: 1,
    description: 'one asset for every combination of these values; the last variable counts fastest',
  },
);

export const AssetEntry = Type.Object(
  {
    key: Template('short name, unique in the site; {n} and {n:02} are variables of each'),
    each: Type.Optional(Each),
    name: TextSchema,
    profile: Type.String({
      description: 'kind of equipment: a file of rules/profiles/, or of profiles/ beside this one',
    }),
    system: Type.String({ description: 'key of a system above' }),
    link: Type.String({ description: 'key of a link above' }),
    map: Type.String({
      description: 'controller model: a file of adapters/PROTOCOL/maps/, or of maps/PROTOCOL/ beside this one',
    }),
    address: Type.Optional(
      Type.Unknown({ description: 'where on the link; what stands here belongs to the protocol' }),
    ),
    parent: Type.Optional(Template('key of the asset without which this one cannot work')),
    location: Type.Optional(
      Type.Object(
        {
          building: Type.Optional(Type.Union([Template('building'), Type.Integer()])),
          floor: Type.Optional(Type.Union([Template('floor'), Type.Integer()])),
          place: Type.Optional(Type.Union([Template('place'), Type.Integer()])),
        },
        closed,
      ),
    ),
    contractor: Type.Optional(Type.String({ minLength: 1, description: 'who maintains it' })),
    group: Type.Optional(
      Type.Union([Template('a name'), Type.Integer()], {
        description: 'a set of assets that is promised or maintained together, by any name',
      }),
    ),
    warrantyUntil: Type.Optional(
      Type.String({ description: 'last day of its warranty, a date of the site: 2027-03-31; told 30 days before' }),
    ),
    commissioning: Type.Optional(
      Type.Boolean({
        description: 'true: not handed over yet; pages nobody and enters no figure until its points are signed off',
      }),
    ),
    writable: Type.Optional(
      Type.Array(Type.String({ description: 'name of a point' }), {
        minItems: 1,
        description: 'points that people may write, where the map says that the controller takes it; none if absent',
        expected: { zh: '至少要有一个点名', en: 'at least one name of a point is needed' },
      }),
    ),
    formerly: Type.Optional(Template('key that it had before; its history goes on')),
  },
  closed,
);
export type AssetEntry = Static<typeof AssetEntry>;

/** All assets to which everything that is written here applies. */
export const AssetChoice = Type.Object(
  {
    system: Type.Optional(Type.String({ description: 'key of a system' })),
    group: Type.Optional(Type.Union([Type.String(), Type.Integer()], { description: 'group of the assets' })),
    building: Type.Optional(Type.Union([Type.String(), Type.Integer()], { description: 'building of the assets' })),
  },
  closed,
);
export type AssetChoice = Static<typeof AssetChoice>;

export const PlannedEntry = Type.Object(
  {
    key: Key('short name of the work'),
    name: TextSchema,
    assets: Type.Array(Type.Union([Type.String({ description: 'key of an asset' }), AssetChoice]), {
      minItems: 1,
      description: 'keys, or { system, group, building } for all assets to which that applies; with their children',
      expected: { zh: '至少要有一项资产', en: 'at least one asset is needed' },
    }),
    start: Type.String({ description: 'when the first one begins, local time of the site: 2026-07-01T09:00' }),
    duration: Type.String({ pattern: DURATION_PATTERN, description: 'how long it takes, 1min to 14d' }),
    rule: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'when it comes again, an RRULE of RFC 5545 without DTSTART: FREQ=WEEKLY;BYDAY=TU; once if absent',
      }),
    ),
  },
  closed,
);
/** Planned work, as written. */
export type PlannedEntry = Static<typeof PlannedEntry>;

export const CampaignEntry = Type.Object(
  {
    key: Key('short name of the campaign'),
    name: TextSchema,
    from: Type.String({ description: 'its first day, a date of the site: 2026-06-01' }),
    to: Type.String({ description: 'its last day, 366 days in all at most: 2026-06-30' }),
  },
  closed,
);
/** A campaign, as written. */
export type CampaignEntry = Static<typeof CampaignEntry>;

/** What every channel has; the settings of its kind stand beside. */
export const ChannelHead = Type.Object({ kind: Type.String({ description: 'how the message travels' }) });
export type ChannelHead = Static<typeof ChannelHead>;

export const PersonEntry = Type.Object(
  {
    key: Key('short name of the person or duty phone'),
    name: TextSchema,
    upToPriority: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3), Type.Literal(4)], {
      description: 'least urgent priority that is sent: 1 life safety, 2 urgent, 3 same day, 4 planned',
    }),
    channels: Type.Array(ChannelHead, { description: 'all of them are used' }),
  },
  closed,
);
export type PersonEntry = Static<typeof PersonEntry>;

const sectionTexts = {
  site: 'the site itself',
  links: 'connections to controllers',
  systems: 'trades of the estate, with what is promised for each',
  assets: 'the equipment',
  planned: 'maintenance that is known beforehand: within it nothing counts as down',
  campaigns: 'stretches of days for which something was promised',
  people: 'who is told',
};

/** The sections of a site file; each entry of a list is checked by itself, by its schema above. */
export const SiteFileHead = Type.Object(
  {
    site: Type.Unknown({ description: sectionTexts.site }),
    links: Type.Array(Type.Unknown(), { description: sectionTexts.links }),
    systems: Type.Array(Type.Unknown(), { description: sectionTexts.systems }),
    assets: Type.Array(Type.Unknown(), { description: sectionTexts.assets }),
    planned: Type.Optional(Type.Array(Type.Unknown(), { description: sectionTexts.planned })),
    campaigns: Type.Optional(Type.Array(Type.Unknown(), { description: sectionTexts.campaigns })),
    people: Type.Optional(Type.Array(Type.Unknown(), { description: sectionTexts.people })),
  },
  closed,
);

/** A map of a controller model, `adapters/PROTOCOL/maps/NAME.yaml`; its points belong to the protocol. */
export const MapFileHead = Type.Object(
  {
    name: TextSchema,
    source: Type.String({ minLength: 1, description: 'where these addresses were found, and which were chosen' }),
    profile: Type.String({ minLength: 1, description: 'kind of equipment that it is for' }),
    points: Type.Record(Type.String(), Type.Unknown(), { description: 'points of the profile, by name' }),
  },
  closed,
);
export type MapFileHead = Static<typeof MapFileHead>;
