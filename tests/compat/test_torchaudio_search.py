"""The beam search against torchaudio's own; and what that gets wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from oracles.torchaudio_models import rnnt as original
from oracles.torchaudio_models import rnnt_decoder

import seqfront as sf
from seqfront.compat import torchaudio, torchaudio_expansion

SYMBOLS, BLANK = 13, 12
CONFIG: dict[str, Any] = {
    "input_dim": 5, "encoding_dim": 6, "num_symbols": SYMBOLS, "segment_length": 8,
    "right_context_length": 4, "time_reduction_input_dim": 4, "time_reduction_stride": 2,
    "transformer_num_heads": 2, "transformer_ffn_dim": 9, "transformer_num_layers": 1,
    "transformer_dropout": 0.1, "transformer_activation": "gelu",
    "transformer_left_context_length": 5, "transformer_max_memory_size": 2,
    "transformer_weight_init_scale_strategy": "depthwise", "transformer_tanh_on_mem": True,
    "symbol_embedding_dim": 10, "num_lstm_layers": 2, "lstm_layer_norm": True,
    "lstm_layer_norm_epsilon": 1e-3, "lstm_dropout": 0.3,
}  # fmt: skip
FRAMES = 40


def by_score(hypothesis: Any) -> float:
    return hypothesis[3]


def pair(**options: Any) -> tuple[Any, Any]:
    """Ours and theirs, with the same parameters, and a blank that is mostly best."""
    torch.manual_seed(1)
    theirs = original.emformer_rnnt_model(**{**CONFIG, **options}).eval()
    with torch.no_grad():
        theirs.joiner.linear.weight.mul_(4)
        theirs.joiner.linear.bias[BLANK] = 4
    ours = torchaudio.emformer_rnnt_model(**{**CONFIG, **options}).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def features(seed: int = 0, frames: int = FRAMES) -> torch.Tensor:
    return torch.randn(1, frames + 4, 5, generator=torch.Generator().manual_seed(seed))


def same(found: Any, wanted: Any) -> None:
    """The same hypotheses, with the same predictions and scores."""
    assert [list(h[0]) for h in found] == [list(h[0]) for h in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours[3], theirs[3], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(ours[2][1][1], theirs[2][1][1], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("options", [
    {}, {"hypo_sort_key": by_score}, {"hypo_sort_key": by_score, "temperature": 1.7},
    {"step_max_tokens": 1}, {"hypo_sort_key": by_score, "step_max_tokens": 2},
    {"hypo_sort_key": lambda h: h[3] / len(h[0])},
])  # fmt: skip
def test_it_finds_what_torchaudio_does(options: Any) -> None:
    ours, theirs = pair()
    x, n = features(), torch.tensor([FRAMES])
    for width in (1, 4, 10):
        with torch.no_grad():
            wanted = rnnt_decoder.RNNTBeamSearch(theirs, BLANK, **options)(x, n, width)
        for model in (ours, theirs):
            search = torchaudio.RNNTBeamSearch(model, BLANK, **options)
            found = search(x, n, width)
            same(found, wanted)
            same(search(x[0], n[0], width), wanted)
            assert len(wanted[0][0]) > 1 or width == 1


def test_as_a_stream() -> None:
    ours, theirs = pair()
    x = features()
    reference = rnnt_decoder.RNNTBeamSearch(theirs, BLANK, hypo_sort_key=by_score)
    search = torchaudio.RNNTBeamSearch(ours, BLANK, hypo_sort_key=by_score)
    states: list[Any] = [None, None]
    found: list[Any] = [None, None]
    with torch.no_grad():
        for at in range(0, FRAMES, 8):
            chunk, n = x[:, at : at + 12], torch.tensor([12])
            for i, each in enumerate((search, reference)):
                found[i], states[i] = each.infer(chunk, n, 4, states[i], found[i])
            same(*found)
        whole = search(x, torch.tensor([FRAMES]), 4)
    same(found[0], whole)
    assert found[0][0].alignment[0] == -1
    assert len(found[0][0].alignment) == len(found[0][0].tokens)
    # Those of torchaudio go on here; and one alone does.
    chunk, n = features(1)[:, :12], torch.tensor([12])
    same(search.infer(chunk, n, 4, None, found[1])[0], search.infer(chunk, n, 4, None, found[0])[0])
    alone, _ = search.infer(chunk, n, 4, None, found[0][0])
    same(alone, search.infer(chunk, n, 4, None, found[0][:1])[0])


def test_the_blank_may_be_any_class() -> None:
    ours, _ = pair()
    moved, _ = pair()
    order = [BLANK, *range(BLANK)]  # class i was class order[i]
    with torch.no_grad():
        state = moved.state_dict()
        for name in ("joiner.linear.weight", "joiner.linear.bias", "predictor.embedding.weight"):
            state[name] = state[name][order]
        moved.load_state_dict(state)
    x, n = features(), torch.tensor([FRAMES])
    wanted = torchaudio.RNNTBeamSearch(ours, BLANK)(x, n, 4)
    found = torchaudio.RNNTBeamSearch(moved, 0)(x, n, 4)
    assert [[order[v] for v in h.tokens] for h in found] == [h.tokens for h in wanted]
    same(torchaudio.RNNTBeamSearch(ours, -1)(x, n, 4), wanted)
    assert {h.blank for h in found} == {0}


def test_frames_beyond_the_length_are_not_read() -> None:
    ours, _ = pair()
    search = torchaudio.RNNTBeamSearch(ours, BLANK, hypo_sort_key=by_score)
    x = features()
    n = 23
    padded = torch.cat([x[:, : n + 4], torch.full((1, 9, 5), float("nan"))], 1)
    same(search(padded, torch.tensor(n), 4), search(x[:, : n + 4], torch.tensor(n), 4))


def test_weights_that_change_are_noticed() -> None:
    """They are laid out anew: after a write, and after others took their place."""
    ours, _ = pair()
    x, n = features(), torch.tensor([FRAMES])
    search = torchaudio.RNNTBeamSearch(ours, BLANK)
    before = search(x, n, 4)
    same(search(x, n, 4), before)
    state = {name: value.clone() for name, value in ours.state_dict().items()}
    with torch.no_grad():
        for name, value in ours.named_parameters():
            if "joiner" in name or "predictor" in name:
                value.mul_(1.3)
    changed = torchaudio.RNNTBeamSearch(ours, BLANK)(x, n, 4)
    assert changed[0].score != before[0].score
    same(search(x, n, 4), changed)
    ours.load_state_dict(state, assign=True)
    same(search(x, n, 4), before)
    with torch.inference_mode():  # whose tensors do not tell that they change
        ours.load_state_dict({name: value + 0 for name, value in state.items()}, assign=True)
        same(search(x, n, 4), before)


def test_each_weight_that_changes_is_noticed() -> None:
    """What is kept is made of several."""
    ours, _ = pair()
    x, n = features(), torch.tensor([FRAMES])
    search = torchaudio.RNNTBeamSearch(ours, BLANK)
    search(x, n, 4)
    for name, value in ours.named_parameters():
        if "joiner" in name or "predictor" in name:
            with torch.no_grad():
                value.add_(
                    0.2 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1))
                )
            same(search(x, n, 4), torchaudio.RNNTBeamSearch(ours, BLANK)(x, n, 4))


def test_keys_see_all_of_a_hypothesis() -> None:
    ours, _ = pair()
    x, n = features(), torch.tensor([FRAMES])
    seen: list[Any] = []

    def key(hypothesis: Any) -> float:
        tokens, features, state, score = hypothesis[:4]
        assert len(state) == 2
        assert all(part.shape == (1, part.shape[1]) for layer in state for part in layer)
        seen.append((list(tokens), features, state[1][1]))
        return score

    found = torchaudio.RNNTBeamSearch(ours, BLANK, hypo_sort_key=key)(x, n, 4)
    same(found, torchaudio.RNNTBeamSearch(ours, BLANK, hypo_sort_key=by_score)(x, n, 4))
    for hypothesis in found:
        assert type(hypothesis.state) is list
        shown = [s for s in seen if s[0] == hypothesis.tokens]
        torch.testing.assert_close(shown[-1][1], hypothesis.predictor_out)
        torch.testing.assert_close(shown[-1][2], hypothesis.state[1][1])


def test_fewer_hypotheses_than_the_beam_is_wide() -> None:
    ours, theirs = pair()
    for model in (ours, theirs):
        only = torchaudio.RNNTBeamSearch(model, BLANK, step_max_tokens=0)
        (found,) = only(features(), torch.tensor(FRAMES), 5)
        assert found.tokens == [BLANK]
        # All there are in two frames, of at most one label each.
        wide = torchaudio.RNNTBeamSearch(model, BLANK, step_max_tokens=1)
        found = wide(features(0, 4), torch.tensor(4), 1000)
        assert len({h.key for h in found}) == len(found) == 1 + 12 + 144
    (found,) = torchaudio.RNNTBeamSearch(ours, BLANK)(features(0, 0), torch.tensor(0), 5)
    assert (found.tokens, found.score, found.alignment) == ([BLANK], 0.0, [-1])
    assert found.key == str([BLANK])


def test_what_is_forgotten_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = pair()
    x, n = features(3, 160), torch.tensor(160)
    search = torchaudio.RNNTBeamSearch(ours, BLANK, hypo_sort_key=by_score)
    wanted = search(x, n, 4)
    often = search.calls.predictor_rows
    monkeypatch.setattr(torchaudio_expansion, "_FORGET", 2)
    same(search(x, n, 4), wanted)
    assert search.calls.predictor_rows - often > often  # some is asked for again


def test_models_are_asked_less() -> None:
    ours, theirs = pair()
    asked = {"predict": 0, "join": 0}

    def counted(name: str) -> Any:
        own = getattr(theirs, name)

        def method(*args: Any) -> Any:
            found = own(*args)
            asked[name] += found[0].shape[0]
            return found

        return method

    x, n = features(), torch.tensor([FRAMES])
    theirs.predict, theirs.join = counted("predict"), counted("join")
    with torch.no_grad():
        rnnt_decoder.RNNTBeamSearch(theirs, BLANK, hypo_sort_key=by_score)(x, n, 4)
    search = torchaudio.RNNTBeamSearch(ours, BLANK, hypo_sort_key=by_score)
    search(x, n, 4)
    assert search.calls.predictor_rows < asked["predict"]
    assert search.calls.predictor <= search.calls.predictor_rows
    assert search.calls.joiner < search.calls.joiner_rows < 2 * asked["join"]


@pytest.mark.parametrize("normalized", [True, False])
def test_on_tensorflow(normalized: bool) -> None:
    import tensorflow as tf

    ours, _ = pair(lstm_layer_norm=normalized)
    with sf.use_backend("tensorflow"):
        model = torchaudio.emformer_rnnt_model(**{**CONFIG, "lstm_layer_norm": normalized}).eval()
    for name, parameter in ours.model.named_parameters().items():
        model.model.named_parameters()[name].assign(parameter.numpy())
    x = features()
    wanted = torchaudio.RNNTBeamSearch(ours, BLANK)(x, torch.tensor([FRAMES]), 4)
    search = torchaudio.RNNTBeamSearch(model, BLANK)
    found = search(tf.constant(x.numpy()), tf.constant([FRAMES]), 4)
    same(found, wanted)
    assert isinstance(found[0].predictor_out, tf.Tensor)
    state = before = None
    for at in range(0, FRAMES, 8):
        chunk = tf.constant(x.numpy()[:, at : at + 12])
        before, state = search.infer(chunk, tf.constant([12]), 4, state, before)
    assert before is not None
    assert len(before) == 4


def test_bad_arguments() -> None:
    ours, _ = pair()
    search = torchaudio.RNNTBeamSearch(ours, BLANK)
    x, n = features(), torch.tensor([FRAMES])
    with pytest.raises(ValueError, match="input has to be"):
        search(torch.cat([x, x]), n, 4)
    with pytest.raises(ValueError, match="length has to be"):
        search(x, torch.tensor([1, 1]), 4)
    for width in (0, 2.0):
        with pytest.raises(ValueError, match="beam_width cannot be"):
            search(x, n, width)
    for blank in (SYMBOLS, -SYMBOLS - 1):
        with pytest.raises(ValueError, match="blank cannot be"):
            torchaudio.RNNTBeamSearch(ours, blank)(x, n, 4)
    with pytest.raises(ValueError, match="temperature cannot be"):
        torchaudio.RNNTBeamSearch(ours, BLANK, 0.0)
    with pytest.raises(ValueError, match="step_max_tokens cannot be"):
        torchaudio.RNNTBeamSearch(ours, BLANK, step_max_tokens=-1)
