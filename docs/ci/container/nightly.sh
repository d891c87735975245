#!/bin/bash
# What a scheduled container runs: harvest each sweep of AFTERSWEEP_SWEEPS, build the site, hold each against the gate.
# Exit code: 0; of the first harvest that failed; else of the first sweep that does not meet ./aftersweep.toml.
set -euo pipefail
set -f                    # a sweep's name is never a pattern of files
export -n WANDB_API_KEY   # of all that runs from here on, the harvest alone is given the key
: "${AFTERSWEEP_SWEEPS:?name the sweeps: ENTITY/PROJECT/SWEEP, with spaces between}"

for sweep in $AFTERSWEEP_SWEEPS; do
  WANDB_API_KEY=${WANDB_API_KEY:-} aftersweep harvest --source server --quiet -- "$sweep"
done
aftersweep site build --quiet --output "${AFTERSWEEP_SITE:-/site/public}" \
  ${AFTERSWEEP_SITE_URL:+--url "$AFTERSWEEP_SITE_URL"}

failed=0
if [ -e aftersweep.toml ]; then
  for sweep in $AFTERSWEEP_SWEEPS; do
    status=0
    aftersweep gate --source archive -- "$sweep" || status=$?
    if [ "$failed" -eq 0 ]; then
      failed=$status # 1 not met, 2 could not be judged, 3 cannot be known
    fi
  done
fi
exit "$failed"
