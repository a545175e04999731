"""All that can be checked before anything costs time or money, and what the checks make ready for the run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import environ

from torch import nn

from llm_clients.client import LLMClient
from llm_clients.options import ClientOptions
from llm_clients.prices import load_prices
from llm_clients.registry import connect
from llm_clients.request import Completion
from llm_clients.spend_limit import Hold, SpendLimit, recorded_spending
from pruning.errors import InfeasibleTargetError, OutputError
from pruning.importance.base import Scores
from pruning.importance.registry import importance
from pruning.inputs import image_size, parse_input_size
from pruning.models import ModelSpec, create_model
from pruning.names import full_name
from pruning.outputs import check_logits
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.projection import project
from pruning.published import weights_words
from search.errors import ConfigError
from search.proposers.registry import check_proposer
from search.setup.base_model import check_base
from search.setup.base_source import BaseSource, check_head, check_source
from search.setup.config import RunConfig
from search.setup.needs import resolve_needs
from search.setup.preparing_images import prepared_dataset
from search.setup.recipes import chosen_recipes
from search.setup.rehearsing import check_rehearsal
from search.setup.replaying import recorded_calls
from search.setup.resources import Needs
from search.space.budget import Budget, parse_target
from search.space.profile import Profile, profile_plan
from search.space.search_space import SearchSpace
from tracking.payloads import LlmAsked, LlmCall, PlanReady, Profiled
from tracking.uris import check_kind
from trainers.datasets.base import Dataset, Splits
from trainers.datasets.registry import dataset
from trainers.place import here_in_bf16
from trainers.recalibrate import has_batch_norm
from trainers.recipe import ProxyRecipe, Recipe


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked configuration, with what it names.

    Attributes:
        plan: of the model, and proven.
        profile: the plan as a proposer sees it.
        budget: in MACs, and known to be reachable.
        source: where the base comes from.
        client: connected but not yet asked; None for a classical arm. To be closed by whoever runs the search.
        base_recipe: how the base is trained, if it is trained here.
        proxy_recipe: how a trial is scored.
        chosen_recipe: of the fine-tune; it may leave something to the device, see `recipe`.
        needs: resources of each phase, defaults filled in; of a cluster once it was looked at, see `search.launching`.
    """

    config: RunConfig
    dataset: Dataset
    spec: ModelSpec
    plan: Plan
    profile: Profile
    budget: Budget
    source: BaseSource
    base_recipe: Recipe
    proxy_recipe: ProxyRecipe
    chosen_recipe: Recipe
    needs: Needs
    client: LLMClient | None

    def splits(self) -> Splits:
        """Read the dataset, split by the configuration's seed.

        Raises:
            DataPathError: the data is not where the configuration says.
        """
        config = self.config
        return self.dataset.splits(config.data_path, seed=config.seed, input_size=self.spec.image_size)

    @property
    def recipe(self) -> Recipe:
        """Of the fine-tune, as it is carried out on what the run needs."""
        bf16 = self.config.cluster is not None or here_in_bf16()
        return self.chosen_recipe.resolved(gpu=self.needs.finetune_gpu, bf16=bf16)

    @property
    def finalists(self) -> int:
        """How many of the best trials are fine-tuned for a while before the winner is named; 1 for none."""
        return self.config.finalists or 1

    @property
    def finalist_epochs(self) -> int:
        """After how many epochs of the recipe they are compared: by default a fifth, and one beyond the warm-up."""
        recipe = self.recipe
        return self.config.finalist_epochs or max(math.ceil(recipe.warmup_epochs) + 1, round(recipe.epochs / 5))

    @property
    def weights_words(self) -> str | None:
        """Which published weights are pruned; None where they are trained here or read from a file."""
        return weights_words(self.spec.name) if self.source.published else None

    @property
    def images_words(self) -> str:
        """How images are prepared; empty where the dataset's images are always prepared in one way."""
        info = self.dataset.info(self.config.data_path, input_size=self.spec.image_size)
        return info.preprocessing_words

    def space(self, scores: Mapping[str, Scores], sensitivity: Profiled | None = None) -> SearchSpace:
        """Return what the proposers may choose from, once the units have been scored."""
        config = self.config
        profile = self.profile if sensitivity is None else self.profile.with_sensitivity(sensitivity)
        return SearchSpace(profile, self.budget, config.criteria, config.round_to, config.seed, self.plan, scores)

    @property
    def window(self) -> int:
        """How far back a proposal must look, see `History`: four, unless that would leave workers idle."""
        return self.config.window or max(4, 2 * self.needs.trial_workers)


def prepare(
    config: RunConfig,
    environment: Mapping[str, str] = environ,
    earlier: Sequence[LlmCall] = (),
    unsettled: Sequence[LlmAsked] = (),
    begun: PlanReady | None = None,
) -> Prepared:
    """Check everything that can be checked at once.

    Args:
        config: of the run.
        environment: where the keys of LLMs are.
        earlier: the LLM calls of a run that is resumed.
        unsettled: its trips to an LLM's server of which nobody knows what they used; see `unsettled_trips`.
        begun: what it recorded of its plan, and of how its images are prepared.

    Raises:
        ConfigError: a field is unusable, or contradicts another.
        ResourceError: this machine has less than the run needs.
        InfeasibleTargetError: the target lies below the floor.
        ValueError: the room that owns what is wrong refuses it, with an error of its own: an unknown model, dataset or
            criterion, missing data, a missing key.
    """
    if config.tracking_uri is not None:
        check_kind(config.tracking_uri)
    source = check_source(config)
    check_proposer(config.arm)
    for name in config.criteria:
        importance(name)
    needs = resolve_needs(config)
    client = connected_client(config, environment, earlier, unsettled)
    try:
        return _prepare_model(config, source, needs, client, begun)
    except BaseException:
        if client is not None:
            client.close()
        raise


def _prepare_model(
    config: RunConfig, source: BaseSource, needs: Needs, client: LLMClient | None, begun: PlanReady | None
) -> Prepared:
    """Check what needs the model and its plan, which takes seconds; what costs nothing to check has been."""
    data, spec = resolve_model(config)
    check_head(source, spec, config.dataset)
    data = prepared_dataset(config, source, data, spec.name, begun)
    images = data.check(config.data_path)
    model = create_model(spec)
    check_base(source, model, spec)
    plan, batch_norm = build_plan(model, spec), has_batch_norm(model)
    check_output(model, spec)
    budget = resolve_budget(config, plan)
    check_rehearsal(config.llm, config.model, sets=len(plan.sets))
    recipes = chosen_recipes(
        config,
        batch_norm=batch_norm,
        images=images,
        trains_base=source.is_trained_here,
        holdout_share=data.holdout_share(config.data_path),
    )
    prepared = Prepared(
        config=config,
        dataset=data,
        spec=spec,
        plan=plan,
        profile=profile_plan(plan),
        budget=budget,
        source=source,
        base_recipe=recipes.base,
        proxy_recipe=recipes.proxy,
        chosen_recipe=recipes.finetune,
        needs=needs,
        client=client,
    )
    check_finalists(prepared)
    return prepared


def check_finalists(prepared: Prepared) -> None:
    """Check that finalists can be compared before the end of their training.

    Raises:
        ConfigError: they cannot.
    """
    epochs, all_epochs = prepared.finalist_epochs, prepared.recipe.epochs
    if prepared.finalists > 1 and prepared.recipe.train_on_holdout:
        raise ConfigError(
            f"--finalists {prepared.finalists} and --train-on-holdout contradict each other: finalists are compared on "
            "the holdout. Omit one of them."
        )
    if prepared.finalists > 1 and epochs >= all_epochs:
        raise ConfigError(
            f"--finalists {prepared.finalists} are compared after {epochs} epoch{'s' * (epochs > 1)}, and the recipe "
            f"has {all_epochs}: nothing would be left for the best of them. Ask for more epochs with --epochs, or "
            "compare them earlier with --finalist-epochs."
        )


def resolve_model(config: RunConfig) -> tuple[Dataset, ModelSpec]:
    """Return the dataset, and the model with its classes and image size."""
    data = dataset(config.dataset)
    size = None
    if config.input_shape is not None:
        size = image_size(parse_input_size(config.input_shape))
    elif config.input_size is not None:
        channels = data.info(config.data_path).input_size[0]
        size = (channels, config.input_size, config.input_size)
    info = data.info(config.data_path, input_size=size)
    return data, ModelSpec(full_name(config.model), info.num_classes, info.input_size, config.output)


def check_output(model: nn.Module, spec: ModelSpec) -> None:
    """Check that the logits, one per class, are found in what a model returns.

    Raises:
        ConfigError: they are not.
    """
    try:
        check_logits(model, spec)
    except OutputError as error:
        raise ConfigError(f"--model {spec.name} cannot be trained as a classifier: {error}") from error


def resolve_budget(config: RunConfig, plan: Plan) -> Budget:
    """Return the budget in MACs, known to be reachable.

    Raises:
        ConfigError: the target is at or above the baseline, or nothing that can be built lies in the band.
        InfeasibleTargetError: the target lies below the floor.
    """
    target = parse_target(config.target_macs, plan.baseline_macs)
    if target >= plan.baseline_macs:
        raise ConfigError(
            f"The target {config.target_macs!r} is {target:,} MACs, and the unpruned {plan.spec.name} has "
            f"{plan.baseline_macs:,}: nothing would be cut. Ask for less, down to {plan.floor_macs(config.round_to):,}."
        )
    if target < plan.floor_macs(config.round_to):
        raise InfeasibleTargetError(target, plan.floor_macs(config.round_to), plan.baseline_macs)
    budget = Budget(target, config.band)
    nearest = project(plan, plan.full(), target, round_to=config.round_to)
    if not budget.holds(nearest.macs):
        low, high = budget.band_macs
        raise ConfigError(
            f"The band {low:,} to {high:,} MACs is empty: the nearest that rounding to {config.round_to} allows is "
            f"{nearest.macs:,}. Widen --band, or lower --round-to."
        )
    return budget


def connected_client(
    config: RunConfig, environment: Mapping[str, str], earlier: Sequence[LlmCall], unsettled: Sequence[LlmAsked]
) -> LLMClient | None:
    """Return the client of the model that the configuration names, connected; None where it names none."""
    if config.llm is None:
        return None
    return connect(
        config.llm,
        base_url=config.llm_base_url,
        env=environment,
        options=ClientOptions(
            budget=_llm_budget(config, earlier, unsettled),
            timeout_s=config.llm_timeout,
            plain_http=config.llm_plain_http,
        ),
        prices=load_prices(config.prices),
        recorded=recorded_calls(config.llm, config.runs, earlier),
    )


def _llm_budget(config: RunConfig, earlier: Sequence[LlmCall], asked: Sequence[LlmAsked]) -> SpendLimit:
    """The limits on money and tokens. What a resumed run has spent counts, and the most it may have where unknown."""
    spent, unsettled = recorded_spending(Completion.from_json(call.model_dump(mode="json")) for call in earlier)
    return SpendLimit(
        max_cost_usd=config.max_cost,
        max_tokens=config.max_tokens_total,
        spent_usd=spent.cost_usd,
        spent_tokens=spent.tokens,
        unsettled=Hold(
            unsettled.tokens + sum(trip.most_tokens for trip in asked),
            unsettled.cost_usd + sum(trip.most_usd or 0.0 for trip in asked),
        ),
    )
