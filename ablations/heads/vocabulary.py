"""The vocabulary of the embedded model: byte-level BPE, learned from the training files."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"


def learn_vocabulary(texts: Iterable[str], size: int) -> Tokenizer:
    """Learn a byte-level BPE vocabulary, which can encode any text.

    Args:
        texts: what to learn from.
        size: the number of tokens, `END` included.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())  # its own order differs from process to process
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
