import { EndpointDescription, MessageSecurityMode, SecurityPolicy, UserTokenType } from 'node-opcua';
import { expect, test } from 'vitest';
import { type Choice, chooseEndpoint } from './offered.ts';

const { Sign, SignAndEncrypt, None } = MessageSecurityMode;
const endpoint = 'opc.tcp://10.0.0.7:4840';

function offer(policy: SecurityPolicy, securityMode: MessageSecurityMode, tokenPolicy: SecurityPolicy | null = null) {
  return new EndpointDescription({
    endpointUrl: endpoint,
    securityMode,
    securityPolicyUri: policy,
    userIdentityTokens: [
      { policyId: 'a', tokenType: UserTokenType.Anonymous },
      { policyId: 'u', tokenType: UserTokenType.UserName, securityPolicyUri: tokenPolicy },
    ],
  });
}

const chosen = (choice: Choice) => (choice.ok ? choice.endpoint.securityPolicyUri : choice.why.en);

test('best is the strongest in the wanted mode, whatever the order, and never an old one or none', () => {
  const settings = { endpoint, security: { policy: 'best' } } as const;
  const { Basic128Rsa15, Basic256, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss } = SecurityPolicy;
  const all = [
    offer(SecurityPolicy.None, None),
    offer(Basic256, SignAndEncrypt),
    offer(Basic256Sha256, SignAndEncrypt),
    offer(Aes256_Sha256_RsaPss, Sign),
    offer(Aes128_Sha256_RsaOaep, SignAndEncrypt),
  ];
  expect(chosen(chooseEndpoint(all, settings))).toBe(Aes128_Sha256_RsaOaep);
  expect(chosen(chooseEndpoint(all, { endpoint, security: { policy: 'best', mode: 'sign' } }))).toBe(
    Aes256_Sha256_RsaPss,
  );
  const old = [offer(SecurityPolicy.None, None), offer(Basic128Rsa15, SignAndEncrypt), offer(Basic256, SignAndEncrypt)];
  expect(chosen(chooseEndpoint(old, settings))).toMatch(
    /it offers: None, Basic128Rsa15\/signAndEncrypt, Basic256\/sign/,
  );
  expect(chosen(chooseEndpoint([], settings))).toContain('it offers: —');
});

test('a password does not go in clear over a connection that is only signed; encrypted it may', () => {
  const user = { endpoint, username: 'u', password: 'p' };
  const policy = SecurityPolicy.Basic256Sha256;
  const signed = { ...user, security: { policy: 'Basic256Sha256', mode: 'sign' } } as const;
  const encrypted = { ...user, security: { policy: 'Basic256Sha256' } } as const;
  expect(chosen(chooseEndpoint([offer(policy, Sign, SecurityPolicy.None)], signed))).toContain('password in clear');
  expect(chosen(chooseEndpoint([offer(policy, Sign)], signed))).toBe(policy);
  expect(chosen(chooseEndpoint([offer(policy, SignAndEncrypt, SecurityPolicy.None)], encrypted))).toBe(policy);
});

test('nor does it where the policies that the server leaves to choose from make the library take none', () => {
  const settings = {
    ...{ endpoint, username: 'u', password: 'p' },
    security: { policy: 'Basic256Sha256', mode: 'sign' },
  } as const;
  const { Basic128Rsa15, Basic256, Basic256Sha256 } = SecurityPolicy;
  const outcome = (...tokenPolicies: readonly (SecurityPolicy | null)[]) => {
    const offered = offer(Basic256Sha256, Sign);
    offered.userIdentityTokens = tokenPolicies.flatMap(
      (policy) => offer(policy ?? Basic256Sha256, Sign, policy).userIdentityTokens ?? [],
    );
    return chosen(chooseEndpoint([offered], settings));
  };
  for (const other of [Basic128Rsa15, Basic256, null]) {
    expect(outcome(SecurityPolicy.None, other)).toContain('password in clear');
  }
  expect(outcome(SecurityPolicy.None, Basic256Sha256)).toBe(Basic256Sha256);
  expect(outcome(null)).toBe(Basic256Sha256);
});
