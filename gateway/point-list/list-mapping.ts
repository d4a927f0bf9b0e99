import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };
const Word = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

/** How the list of a vendor is to be read: a YAML file beside it, `import LIST --mapping FILE`. */
export const ListMapping = Type.Object(
  {
    header: Type.Optional(
      Type.Integer({ minimum: 1, description: 'row that has the titles of the columns; found by itself if absent' }),
    ),
    sheets: Type.Optional(
      Type.Array(Type.String(), { minItems: 1, description: 'sheets that are read; all that have titles if absent' }),
    ),
    columns: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'title in the list: column of ours' }),
    ),
    values: Type.Optional(
      Type.Record(Type.String(), Type.Record(Type.String(), Word), {
        description: 'column of ours: what the list writes: what is meant',
      }),
    ),
    defaults: Type.Optional(
      Type.Record(Type.String(), Word, { description: 'column of ours: value of rows that have none' }),
    ),
  },
  closed,
);
export type ListMapping = Static<typeof ListMapping>;
