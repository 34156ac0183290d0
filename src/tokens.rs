//! Token counts of texts and chat messages, by the tokenizers of the models.
