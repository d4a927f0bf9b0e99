import { expect, test } from 'vitest';
import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import { explained } from './refusals.ts';

const nowMs = Date.parse('2026-11-24T00:00:00Z');
const endpoint = 'opc.tcp://10.0.0.7:4840/UA';
const own = {
  subject: 'CN=Lamplighter',
  issuer: 'CN=Lamplighter',
  thumbprint: 'ab12',
  fromMs: 0,
  untilMs: Date.parse('2026-12-24T00:00:00Z'),
  hosts: [],
  uri: 'urn:x',
  file: '/data/opcua/lamplighter.der',
};

/** What a person must read, in both languages; a word of the advice. */
const waits: readonly (readonly [said: string, zh: RegExp, en: RegExp])[] = [
  [
    'BadSecurityChecksFailed',
    /不信任我方证书.*lamplighter\.der.*ab12/,
    /does not trust our certificate.*lamplighter\.der.*ab12/,
  ],
  ['BadCertificateUntrusted', /不信任我方证书/, /does not trust our certificate/],
  ['BadCertificateUriInvalid', /应用 URI/, /application URI/],
  ['BadCertificateTimeInvalid', /时钟.*2026-12-24/, /clocks.*2026-12-24/],
  ['BadCertificateHostNameInvalid', /主机名/, /host name/],
  ['BadCertificateRevoked', /吊销/, /revoked/],
  ['BadCertificateInvalid', /不接受我方证书/, /does not take our certificate/],
  ['BadCertificateUseNotAllowed', /用途/, /uses/],
  ['BadSecurityPolicyRejected', /security\.policy/, /security\.policy/],
  ['BadSecurityModeRejected', /security\.mode/, /security\.mode/],
  ['BadIdentityTokenRejected', /密码错误/, /wrong password/],
  ['BadIdentityTokenInvalid', /匿名/, /anonymous/],
  ['BadUserAccessDenied', /用户名和密码/, /user name and password/],
  ['BadUserSignatureInvalid', /密钥/, /key/],
  ['BadTcpEndpointUrlInvalid', /endpoint/, /endpoint/],
  ['End point must exist opc.tcp://x securityMode = 3', /端点/, /no endpoint/],
];

test.each(waits)('%s is told with what to do, and waits for a person', (said, zh, en) => {
  const error = explained(new Error(`The connection has been rejected by server: ${said} (0x80)`), {
    endpoint,
    own,
    nowMs,
  });
  expect(error).toBeInstanceOf(SetupRefused);
  expect(error.reason.zh).toMatch(zh);
  expect(error.reason.en).toMatch(en);
  for (const text of [error.reason.zh, error.reason.en]) expect(text).toContain(endpoint);
});

const passes = ['BadTooManySessions', 'BadMaxConnectionsReached', 'BadTcpNotEnoughResources', 'BadNonceInvalid'];

test.each(passes)('%s may pass by itself: it is told, and tried again', (said) => {
  const error = explained(new Error(said), { endpoint, own, nowMs });
  expect(error).toBeInstanceOf(LinkLost);
  expect(error.reason).toMatchObject({
    zh: expect.stringContaining('自动重试'),
    en: expect.stringContaining('tried again by itself'),
  });
});

test('a server that hangs up says nothing: with security it may be distrust, without it is a lost link', () => {
  const hungUp = new Error(
    'The connection may have been rejected by server,\n Err = (socket has been disconnected by third party)',
  );
  const secured = explained(hungUp, { endpoint, own, nowMs });
  expect(secured).toBeInstanceOf(LinkLost);
  expect(secured.reason.en).toContain(own.file);
  expect(explained(hungUp, { endpoint, nowMs }).reason.en).not.toContain('certificate');
});

test('what is not known is a lost link, in a few words of its first line', () => {
  const error = explained(new Error(`${'x'.repeat(500)}\nsecond line`), { endpoint, nowMs });
  expect(error).toBeInstanceOf(LinkLost);
  expect(error.reason.en.length).toBeLessThan(200);
});

test('what is explained already is left as it is', () => {
  const refused = new SetupRefused({ zh: '甲', en: 'a' });
  expect(explained(refused, { endpoint, nowMs })).toBe(refused);
});

test('one that fails a check while ours has expired is told as expired, which is what can be mended', () => {
  const error = explained(new Error('BadSecurityChecksFailed'), { endpoint, own, nowMs: own.untilMs });
  expect(error.reason).toMatchObject({
    zh: expect.stringContaining('--replace'),
    en: expect.stringContaining('out of its time'),
  });
});

test('the command that is told is for the folder in which our certificate is', () => {
  const file = '/var/lib/lamp lighter/opcua/lamplighter.der';
  for (const said of ['BadCertificateTimeInvalid', 'BadCertificateHostNameInvalid']) {
    const { reason } = explained(new Error(said), { endpoint, own: { ...own, file }, nowMs });
    for (const text of [reason.zh, reason.en]) {
      expect(text).toContain("npm run lamplighter -- certificates make --replace --data '/var/lib/lamp lighter'");
    }
  }
});
