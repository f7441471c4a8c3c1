# job.sh - what the batch scripts share: start the ranks, hand signals on, go on where stopped.
#
# Sourced by the *.sbatch files, in bash. docs/operations.md has the whole picture. Environment:
#   DAOGOU_BIN           the program; by default the one of build/release, else of PATH
#   DAOGOU_LAUNCH        how to start it; by default srun where it speaks PMIx, else mpirun
#   DAOGOU_MAX_RESTARTS  starts of one job after its first, for whatever reason; 100
#   DAOGOU_MAX_IDLE      starts in a row that leave nothing new behind; 3

say() { echo "$(date '+%F %T') job $SLURM_JOB_ID, start $((${SLURM_RESTART_COUNT:-0} + 1)): $*"; }

give_up() {
    say "$1; not put back"
    exit "$2"
}

find_program() {
    daogou=${DAOGOU_BIN:-build/release/daogou}
    [ -x "$daogou" ] || daogou=$(command -v daogou) || give_up "there is no daogou: set DAOGOU_BIN" 66
}

# One rank gets SLURM_CPUS_PER_TASK cores of one socket, and as many threads.
find_launcher() {
    local cores=${SLURM_CPUS_PER_TASK:-1}
    export OMP_NUM_THREADS=$cores OMP_PLACES=cores OMP_PROC_BIND=close OPENBLAS_NUM_THREADS=1
    if [ -n "${DAOGOU_LAUNCH:-}" ]; then
        read -ra launcher <<<"$DAOGOU_LAUNCH"
    elif srun --mpi=list 2>&1 | grep -q pmix; then
        launcher=(srun --mpi=pmix --kill-on-bad-exit=1 "--cpus-per-task=$cores" --cpu-bind=cores)
    else
        launcher=(mpirun --map-by "slot:PE=$cores" --bind-to core)
    fi
}

# Session files belong on the node's own disk, and should not outlive the job.
on_each_node() {
    local n=$SLURM_JOB_NUM_NODES
    srun "--nodes=$n" "--ntasks=$n" --ntasks-per-node=1 --cpus-per-task=1 "$@"
}

make_scratch() {
    scratch=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/daogou-$SLURM_JOB_ID
    on_each_node mkdir -p "$scratch" || give_up "cannot make $scratch on every node" 73
    trap remove_scratch EXIT
    export TMPDIR=$scratch
}

remove_scratch() {
    trap - EXIT
    on_each_node rm -rf "$scratch"
}

# Older Slurm does not say when the job's time is over.
find_end() {
    [ -n "${SLURM_JOB_END_TIME:-}" ] ||
        SLURM_JOB_END_TIME=$(SLURM_TIME_FORMAT=%s squeue -h -j "$SLURM_JOB_ID" -o %e)
    export SLURM_JOB_END_TIME
}

# The name of a job; its file and options as daogou takes them.
name_of() {
    "$daogou" run "$@" --print-config | sed -n 's/^name: "*\([^"]*\).*/\1/p'
}

# Does the effective job have such a line? JOB.yaml and options after the pattern.
asks_for() { "$daogou" run "${@:2}" --print-config | grep -q "$1"; }

# The folder of the run: what --work says, else runs/NAME.
work_of() {
    local argument previous='' folder=''
    for argument in "$@"; do
        [ "$previous" != --work ] || folder=$argument
        [ "${argument#--work=}" = "$argument" ] || folder=${argument#--work=}
        previous=$argument
    done
    echo "${folder:-runs/$(name_of "$@")}"
}

# Changes whenever a run has left something to go on from.
left_behind() {
    (cd "$work" 2>/dev/null && stat -c '%n %s %Y' ./*.h5 ./*.json checkpoints/*.h5 tune/trials/*/result-*.json 2>/dev/null) | cksum
}

# Ranks under srun get the job's signals from Slurm as well; two of a kind within a second are one.
# mpirun kills on SIGTERM, so it is always told SIGUSR1.
hand_on() {
    told=yes
    kill -USR1 "$child" 2>/dev/null
}

run_ranks() {
    local now
    "${launcher[@]}" "$daogou" "$@" &
    child=$!
    trap hand_on USR1 TERM
    told=yes
    while [ -n "$told" ]; do # a signal ends a wait early
        told=
        wait "$child"
        now=$?
        [ "$now" = 127 ] || code=$now
    done
    trap - USR1 TERM
}

# Slurm puts the job back into the queue: the same script, with SLURM_RESTART_COUNT one higher.
# A task of an array has to be named so: its job id alone may be that of the whole array.
put_back() {
    local id=$SLURM_JOB_ID
    [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    [ "${SLURM_RESTART_COUNT:-0}" -lt "${DAOGOU_MAX_RESTARTS:-100}" ] ||
        give_up "ended with $1 after ${SLURM_RESTART_COUNT:-0} restarts, the most allowed" "$1"
    say "ended with $1, put back into the queue"
    remove_scratch # after the next line the nodes are no longer ours
    scontrol requeue "$id" || give_up "Slurm refuses to put it back" "$1"
    exit "$1"
}

# A loop of crashes is one that leaves nothing new behind, time after time.
count_idle() {
    idle=0
    if [ "$before" = "$(left_behind)" ]; then
        idle=$(($(cat "$work/idle-$1" 2>/dev/null || echo 0) + 1))
    fi
    mkdir -p "$work" && echo "$idle" >"$work/idle-$1"
}

# daogou_job STAGE JOB.yaml [OPTION...]: returns when the stage is done; else the job ends here, and
# goes on later where that may help: after 75, and when the ranks or the node died.
daogou_job() {
    local code=1 idle before
    [ -n "${daogou:-}" ] || { find_program && find_launcher && find_end && make_scratch; }
    [ "${SLURM_RESTART_COUNT:-0}" -le "${DAOGOU_MAX_RESTARTS:-100}" ] ||
        give_up "too many restarts" 75 # by Slurm: nodes that fail
    work=$(work_of "${@:2}")
    before=$(left_behind)
    say "$* on $SLURM_JOB_NUM_NODES nodes, $SLURM_NTASKS ranks of $OMP_NUM_THREADS threads"
    run_ranks "$@"
    count_idle "$1"
    case $code in
    0) rm -f "$work/idle-$1" ;;
    6[4-8] | 7[1-46-9]) exit "$code" ;; # the same would happen again
    *)
        [ "$idle" -lt "${DAOGOU_MAX_IDLE:-3}" ] ||
            give_up "ended with $code, and $idle starts in a row left nothing new in $work" "$code"
        put_back "$code"
        ;;
    esac
}
