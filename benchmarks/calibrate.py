"""Measure all functionals of the trained claims on the sound catalogue over several seeds, and write the claims' calibration.

    python benchmarks/calibrate.py --seeds 4 --store FOLDER [--kind image|row|series] [--only NAME] [--functional NAME ...] [--write]

Trained runs are kept in the store, so the script can be stopped and resumed. With --write, the summary replaces the calibration of
that kind of input in spec/vae_spec (`vae_spec.calibration.FILES`): the mean and standard deviation over seeds of each functional for
each sound implementation. With --only, the file's entries for other implementations are kept, and with --functional those of other
functionals (of the implementations that are calibrated already); the number of seeds must then be the same as theirs. If none of the
functionals compares paired trainings, only the implementation's own is made.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "samples"), str(ROOT / "tests" / "matrix")]


OTHER_KIND = "takes another kind of input, or none that is trained on"

Job = tuple[str, dict[str, object], int, str, str, tuple[str, ...]]
Measured = tuple[str, dict[str, list[float]], dict[str, object], str]


def measure(job: Job) -> Measured:
    """Measure one implementation over the seeds; return its path, the values by functional, its properties, and an error message or ""."""
    import torch
    from threadpoolctl import threadpool_limits

    from kill_matrix import SAME_NETWORKS
    from vae_conformance.binding.bind import bind
    from vae_conformance.config.options import RunOptions
    from vae_conformance.experiments.laboratory import Laboratory
    from vae_conformance.target.spec import parse_target
    from vae_conformance.target.target import load_target
    from vae_spec.claim import Experiment
    from vae_spec.claims.phenomena import trainable_items
    from vae_spec.evidence import Arm, TrainedRun
    from vae_spec.statistics.comparisons import COMPARISONS
    from vae_spec.statistics.functionals import FUNCTIONALS

    path, declared, seeds, store, asked, chosen = job
    torch.set_num_threads(1)
    threadpool_limits(1)
    options = RunOptions(parse_target(path), store=store, seed=2026, **declared)  # type: ignore[arg-type]
    try:
        target = load_target(options.target, input_shape=options.input_shape)
        subject = bind(target, options)
        if subject.facts.kind != asked or trainable_items(subject.facts):
            return path, {}, {}, OTHER_KIND
        laboratory = Laboratory(subject, target.fingerprint(), options, lambda _text: None, target)
        paired = Path(path).stem not in SAME_NETWORKS and not FUNCTIONALS.keys() >= set(chosen or COMPARISONS)
        experiments = (Experiment.CONTRAST, Experiment.SWEEP, Experiment.WITHOUT_KL) if paired else (Experiment.IMAGES,)
        together: list[dict[str, TrainedRun]] = [{} for _ in range(seeds)]
        for experiment in experiments:
            for group, found in zip(together, laboratory.groups(experiment, seeds), strict=True):
                group.update(found)
    except Exception as error:  # noqa: BLE001  one failing entry must not stop the others
        return path, {}, {}, f"{type(error).__name__}: {error}"
    values = {name: [function(group[Arm.OWN]) for group in together] for name, function in FUNCTIONALS.items()}
    if paired:
        values |= {name: [function(group) for group in together] for name, function in COMPARISONS.items()}
    if chosen:
        values = {name: numbers for name, numbers in values.items() if name in chosen}
    facts = subject.facts
    kind = {
        "latent_dim": facts.latent_dim,
        "likelihood": str(facts.likelihood),
        "learned_scale": facts.learned_scale,
        "untrained_cost": round(facts.untrained_cost, 3),
        "entries": facts.pixels,
    }
    return path, values, kind, ""


def main() -> None:
    """Measure and print, and write the calibration with --write."""
    from catalogue_index import entries
    from vae_spec.calibration import DATASETS, FILES
    from vae_spec.facts import InputKind

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--store", required=True)
    parser.add_argument("--kind", choices=list(FILES), default=InputKind.IMAGE, type=InputKind)
    parser.add_argument("--only", default="")
    parser.add_argument("--functional", nargs="*", default=())
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    chosen = [entry for entry in entries("broken" if given.broken else "sound") if given.only in entry.name]
    kept = ROOT / "spec" / "vae_spec" / FILES[given.kind]
    before = json.loads(kept.read_text())
    if given.functional:
        chosen = [entry for entry in chosen if entry.path.stem in before["families"]]
    jobs = [(str(entry.path), dict(entry.options), given.seeds, given.store, str(given.kind), tuple(given.functional)) for entry in chosen]
    table: dict[str, dict[str, list[float]]] = {}
    families: dict[str, dict[str, object]] = {}
    with ProcessPoolExecutor(2) as pool:
        for path, values, kind, error in pool.map(measure, jobs):
            name = Path(path).stem
            if kind:
                families[name] = kind
            if error != OTHER_KIND:
                print(f"{name}: {error}" if error else name, flush=True)
            for functional, numbers in values.items():
                if np.isfinite(numbers).all() or given.kind is InputKind.IMAGE:  # sharpness is one of images
                    table.setdefault(functional, {})[name] = numbers
    for functional, by_name in table.items():
        print(f"\n{functional}")
        for name, numbers in sorted(by_name.items(), key=lambda item: np.mean(item[1])):
            print(f"  {np.mean(numbers):10.4f} ± {np.std(numbers, ddof=1):8.4f}  {name}")
    if given.write:
        summary = {
            functional: {
                name: {"mean": round(float(np.mean(numbers)), 6), "sd": round(float(np.std(numbers, ddof=1)), 6)}
                for name, numbers in sorted(by_name.items())
            }
            for functional, by_name in table.items()
        }
        if given.only or given.functional:
            if before["seeds"] != given.seeds:
                known = f"what is calibrated has {before['seeds']} seeds: give --seeds {before['seeds']}"
                parser.error(f"{known}, or leave out --only and --functional")
            families = before["families"] | families
            for functional, by_name in before["functionals"].items():
                summary[functional] = dict(sorted((by_name | summary.get(functional, {})).items()))
        content = {
            "made by": "benchmarks/calibrate.py",
            "seeds": given.seeds,
            "dataset": DATASETS[given.kind],
            "families": dict(sorted(families.items())),
            "functionals": summary,
        }
        kept.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
