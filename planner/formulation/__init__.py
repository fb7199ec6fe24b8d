r"""The fleet MILP, on one page.

    choose    always_o       whole machines paid for all month (commitments, monthly rentals), steps of spend
              covered_sob    machines on by the hour that spend commitment s pays for
              hourly_ob      whole machines on in block b (on demand, spot), workers of serverless
              replicas_cgb   whole replicas of deployment c standing on machines of group g
              split_tgb      whole GPUs that are split into equal parts in way t
              open_cgb       any replica at all: its queue's loss is paid
              of_kind_fi     any of a kind at all, where only few may be used
              kept_cgb       replicas that survive the loss of a machine; spare_gb if any must
              served_kcgb    requests/s of class k that they serve
              ready_kcgb     requests/s of class k that they stand ready for, should another place be lost
              api_kab        requests/s of class k bought from API a; deferred_api_vk requests a month
              sent_pt        GB a month that leave provider p in tier t of its prices; reached_pt if it is open

    minimize  hourly_rent + start_up + covered_rent + commitments + cost_of_capital + api_tokens
              + egress + egress_tiers + self_hosting + provider_fees                USD per month

    such that serve_demand              every request of the hour is served
              serve_deferred            work that may wait is done inside its window
              within_spot_share         spot carries at most its share
              keep_mean_quality         what is served scores no less on the mean than is asked
              within_model_share        a model serves no more than a router may send to it
              within_provider_share     a provider serves no more than its share
              within_provider_spend     a provider is paid no more than its share of the month
              within_api_share          APIs serve no more than their share
              within_api_rate           APIs take no more than their rate limit
              within_replica_capacity   replicas carry what they can at their objective, queueing included
              keep_replicas_running     replicas run that are to run whether asked for or not
              serve_even_parts          serverless workers serve equal parts of their workload
              open_before_use           a deployment that has a replica pays its queue's loss
              within_gpu_parts          replicas that take a part of a GPU fit the GPUs split that way
              within_machine_gpus       replicas fit the machines that run
              keep_enough_replicas      what survives carries what is promised
              survive_machine_loss      ... and fits the machines less one
              survive_place_loss        with a provider, region or spot pool lost, others stand ready for its work
              ready_within_capacity     ... with replicas that run already
              within_few_kinds          few providers, regions, GPU types and deployments are used
              within_quota              quotas are kept
              covered_by_spend          a spend commitment pays for no more than is promised
              cover_what_runs           ... and for machines that run
              whole_lots                what is sold by the pod is bought by the pod
              minimum_order             orders are placed whole or not at all
              count_starts              machines on that were not on the hour before are started
              minimum_rental            a machine once started runs on for its minimum rental
              leave_by_tier             data that leaves a provider is in its tiers
              fill_tiers_in_order       ... and in a cheaper one only once those before are full
              within_upfront_cash       upfront payments stay within the cash allowed
              within_budget             the budget is kept
              use_before_buying         a provider bought from is paid its fixed cost
              self_host_before_use      a fleet at all is paid its fixed cost

and, to prove a plan good quickly, what is already known about single blocks (planner.search):

              never_cheaper_than_proved a block costs no less than its own exact program said
              count_beyond              machines beyond those of a proof
              no_more_than_there_is     running one block alone, credit ends with the work

Each line names a function in this package; its docstring holds the formula.  To add a constraint
family, write the function and add it to `ROWS` below.
"""

from planner.formulation.assemble import FleetModel, assemble
from planner.formulation.capacity import (
    keep_replicas_running,
    open_before_use,
    within_gpu_parts,
    within_machine_gpus,
    within_replica_capacity,
)
from planner.formulation.commitments import cover_what_runs, covered_by_spend, whole_lots
from planner.formulation.costs import COSTS
from planner.formulation.egress import fill_tiers_in_order, leave_by_tier
from planner.formulation.places import ready_within_capacity, survive_place_loss
from planner.formulation.procurement import (
    minimum_order,
    minimum_rental,
    self_host_before_use,
    use_before_buying,
    within_budget,
    within_quota,
    within_upfront_cash,
)
from planner.formulation.proofs import count_beyond, never_cheaper_than_proved
from planner.formulation.quality import keep_mean_quality, within_model_share
from planner.formulation.resilience import keep_enough_replicas, survive_machine_loss
from planner.formulation.serverless import serve_even_parts
from planner.formulation.serving import (
    no_more_than_there_is,
    serve_deferred,
    serve_demand,
    within_api_rate,
    within_api_share,
    within_spot_share,
)
from planner.formulation.spread import within_few_kinds, within_provider_share, within_provider_spend
from planner.formulation.starts import count_starts

ROWS = (
    serve_demand,
    serve_deferred,
    within_spot_share,
    keep_mean_quality,
    within_model_share,
    within_provider_share,
    within_provider_spend,
    within_api_share,
    within_api_rate,
    within_replica_capacity,
    keep_replicas_running,
    serve_even_parts,
    open_before_use,
    within_gpu_parts,
    within_machine_gpus,
    keep_enough_replicas,
    survive_machine_loss,
    survive_place_loss,
    ready_within_capacity,
    within_few_kinds,
    within_quota,
    covered_by_spend,
    cover_what_runs,
    whole_lots,
    minimum_order,
    count_starts,
    minimum_rental,
    leave_by_tier,
    fill_tiers_in_order,
    within_upfront_cash,
    within_budget,
    use_before_buying,
    self_host_before_use,
    never_cheaper_than_proved,
    count_beyond,
    no_more_than_there_is,
)

__all__ = ["COSTS", "ROWS", "FleetModel", "assemble"]
