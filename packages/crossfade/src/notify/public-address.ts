import ipaddr from 'ipaddr.js';

/**
 * Whether an address is one of the public internet. Everything else is refused: loopback, private, link-local (where
 * clouds keep their credentials), shared, reserved, multicast, and IPv6 forms that carry an IPv4 address inside, but for
 * the mapped one, which is judged by what it carries.
 */
export function isPublicAddress(address: string): boolean {
  try {
    // A scope (fe80::1%eth0) is part of no public address.
    return ipaddr.process(address).range() === 'unicast';
  } catch {
    return false;
  }
}
