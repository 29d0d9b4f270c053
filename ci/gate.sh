#!/bin/sh
# Put suites through `stopship gate` in any CI: keep the reports, and end with the gate's own exit code.
#
#   sh ci/gate.sh SUITE [SUITE...] [options of stopship gate...]
#
# Settings, each from the environment; an empty one counts as not set:
#   STOPSHIP_REPORTS       folder for reports, one folder a suite in it   [stopship-reports]
#   STOPSHIP_BASELINE_REF  git revision whose rules, labels and baseline pointer judge, such as origin/main
#   STOPSHIP_SHARD         I/N: only replay this part, and leave its run in the reports folder
#   STOPSHIP_CANDIDATES    folders of such runs, to be judged as one; patterns may stand for them. Between
#                          spaces, or one a line where a path holds a space
#   GITHUB_STEP_SUMMARY    file that the Markdown report is added to; GitHub sets it
#
# Exit codes: 0 may ship, 20 STOP, 21 UNDECIDED, 22 VOID, 2 wrong command, 70 fault of stopship,
# 127 stopship is not installed; any other comes from the gate as it is. Of several suites the worst counts:
# STOP, VOID, UNDECIDED, anything else, wrong command, 0.

set -u
unset CDPATH

say() { printf 'gate.sh: %s\n' "$*" >&2; }

meaning() {
  case $1 in
    0) if [ -n "${STOPSHIP_SHARD:-}" ]; then echo 'replayed, not judged'; else echo 'may ship'; fi ;;
    20) echo STOP ;;
    21) echo UNDECIDED ;;
    22) echo VOID ;;
    2) echo 'wrong command' ;;
    70) echo 'fault of stopship' ;;
    *) echo 'no verdict' ;;
  esac
}

rank() {
  case $1 in
    20) echo 5 ;;
    22) echo 4 ;;
    21) echo 3 ;;
    0) echo 0 ;;
    2) echo 1 ;;
    *) echo 2 ;;
  esac
}

# Where a suite lies: it may be named by its folder or by its file.
folder_of() {
  if [ -d "$1" ]; then printf '%s\n' "$1"; else dirname -- "$1"; fi
}

# What its reports are filed under: the name of its folder.
name_of() {
  place=$(cd -- "$(folder_of "$1")" 2>/dev/null && pwd -P) || place=$1
  basename -- "$place"
}

# Replay one shard, and keep the sealed run: its own working folder is hidden, and artifacts leave hidden ones out.
replay_shard() {
  suite=$1 to=$2
  shift 2
  part="$(printf '%s' "$STOPSHIP_SHARD" | tr / -)"
  log="$to/replay-$part.txt"
  rm -rf -- "$to/shard-$part" "$log"
  stopship replay "$suite" --shard "$STOPSHIP_SHARD" "$@" >"$log"
  code=$?
  cat -- "$log"
  id=$(sed -n 's/^  id  *\([0-9a-f]\{64\}\)$/\1/p' "$log")
  # 22 with a run: none of its outputs was told, which the job that judges all shards has to see
  [ "$code" -eq 0 ] || { [ "$code" -eq 22 ] && [ -n "$id" ]; } || return "$code"
  if ! cp -R -- "$(folder_of "$suite")/.stopship/runs/${id:-missing}" "$to/shard-$part"; then
    say "the run of shard $STOPSHIP_SHARD cannot be kept"
    return 22
  fi
}

judge() {
  suite=$1 to=$2
  shift 2
  if [ -n "${STOPSHIP_CANDIDATES:-}" ]; then
    before=$IFS
    case $STOPSHIP_CANDIDATES in
      *"$newline"*) IFS=$newline ;;
      *) IFS=' ' ;;
    esac
    for run in $STOPSHIP_CANDIDATES; do
      if [ ! -f "$run/run.json" ]; then
        IFS=$before
        say "there is no run in '$run': a part of the evidence is missing"
        return 22
      fi
      set -- --candidate "$run" "$@"
    done
    IFS=$before
  fi
  [ -z "${STOPSHIP_BASELINE_REF:-}" ] || set -- --baseline-ref "$STOPSHIP_BASELINE_REF" "$@"
  stopship gate "$suite" --json "$to/verdict.json" --markdown "$to/verdict.md" --junit "$to/junit.xml" "$@"
  code=$?
  if [ "$code" -eq 0 ] && ! grep -q '^ "exit_code": 0,$' "$to/verdict.json" 2>/dev/null; then
    say "the gate ended without a verdict: there is no green record in '$to'"
    code=22
  fi
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$to/verdict.md" ]; then
    { cat -- "$to/verdict.md" && echo; } >>"$GITHUB_STEP_SUMMARY" || say 'the job summary cannot be written'
  fi
  return "$code"
}

# Suite number $1 of the $2 that stand first in the rest.
one_suite() {
  eval "suite=\${$(($1 + 2))}"
  number=$1 count=$2
  shift "$((count + 2))"
  name=$(name_of "$suite")
  case $used in *"/$name/"*) name=$name-$number ;; esac
  used="$used$name/"
  to=$reports/$name
  if ! mkdir -p -- "$to"; then
    say "the reports folder '$to' cannot be made: set STOPSHIP_REPORTS"
    return 2
  fi
  rm -f -- "$to/verdict.json" "$to/verdict.md" "$to/junit.xml" # what ends early must leave no green report
  if ! command -v stopship >/dev/null; then
    say 'stopship is not installed here: python -m pip install stopship, or put its environment on PATH'
    return 127
  fi
  if [ -n "${STOPSHIP_SHARD:-}" ]; then
    replay_shard "$suite" "$to" "$@"
  else
    judge "$suite" "$to" "$@"
  fi
}

newline='
'
count=0
for word in "$@"; do
  case $word in
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    -*) break ;;
  esac
  count=$((count + 1))
done
if [ "$count" -eq 0 ]; then
  say 'no suite is named: sh ci/gate.sh SUITE [SUITE...] [options of stopship gate...]'
  exit 2
fi
if [ -n "${STOPSHIP_SHARD:-}" ] && [ -n "${STOPSHIP_CANDIDATES:-}" ]; then
  say 'STOPSHIP_SHARD replays and STOPSHIP_CANDIDATES judges: set one of them'
  exit 2
fi
if [ -n "${STOPSHIP_CANDIDATES:-}" ] && [ "$count" -gt 1 ]; then
  say 'STOPSHIP_CANDIDATES are the runs of one suite: judge the suites one by one'
  exit 2
fi
if ! printf '%s\n' "${STOPSHIP_SHARD:-1/1}" | grep -qx '[0-9][0-9]*/[0-9][0-9]*'; then
  say "STOPSHIP_SHARD='$STOPSHIP_SHARD' is no shard: write I/N, such as 1/3"
  exit 2
fi

reports=${STOPSHIP_REPORTS:-stopship-reports}
case $reports in -*) reports=./$reports ;; esac
used=/ worst=0 told='' number=0
while [ "$number" -lt "$count" ]; do
  number=$((number + 1))
  one_suite "$number" "$count" "$@"
  code=$?
  told="$told$code	$suite$newline"
  [ "$(rank "$code")" -le "$(rank "$worst")" ] || worst=$code
  case $code in 130 | 143) worst=$code && break ;; esac # somebody stopped it: so do we
done
printf '%s' "$told" >"$reports/exit-codes.tsv" || say "'$reports/exit-codes.tsv' cannot be written"
printf '\n'
printf '%s' "$told" | while IFS='	' read -r code suite; do
  printf 'gate.sh: exit %s, %s: %s\n' "$code" "$(meaning "$code")" "$suite"
done
exit "$worst"
