/** Built-in types by their number on the wire (OPC UA Part 6, 5.1.2). */
export const BuiltIn = {
  Null: 0,
  Boolean: 1,
  SByte: 2,
  Byte: 3,
  Int16: 4,
  UInt16: 5,
  Int32: 6,
  UInt32: 7,
  Int64: 8,
  UInt64: 9,
  Float: 10,
  Double: 11,
  String: 12,
  DateTime: 13,
  Guid: 14,
  ByteString: 15,
  XmlElement: 16,
  NodeId: 17,
  ExpandedNodeId: 18,
  StatusCode: 19,
  QualifiedName: 20,
  LocalizedText: 21,
  ExtensionObject: 22,
  DataValue: 23,
  Variant: 24,
  DiagnosticInfo: 25,
} as const;

/** Shapes of a variant's value, by the library's numbers. */
export const Shape = { scalar: 0, array: 1, matrix: 2 } as const;

const names = new Map<number, string>(Object.entries(BuiltIn).map(([name, number]) => [number, name]));

/** The name of a built-in type as the specification writes it. */
export function builtInName(dataType: number): string {
  return names.get(dataType) ?? `built-in type ${dataType}`;
}

/** The number of a built-in type; undefined for a name of another. */
export function builtInOf(name: string): number | undefined {
  return Object.hasOwn(BuiltIn, name) ? BuiltIn[name as keyof typeof BuiltIn] : undefined;
}
