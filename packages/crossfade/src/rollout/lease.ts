/** How long a candidate may be served after the control plane was last heard, ms: the lease of the domain. */
export const exposureLeaseMs = 60_000;
