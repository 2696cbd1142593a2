"""The cross-entropy is a mean over all tokens, the KL a sum over dimensions: the words weigh far too little."""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "recon-mean-kl-sum"
KILLERS = ("OBJ-02",)
SOUND = "tokens"


class SentenceVAE(nn.Module):
    def __init__(self, vocab_size=30, word_dim=12, hidden=24, latent_dim=6, max_len=9):
        super().__init__()
        self.max_len = max_len
        self.words = nn.Embedding(vocab_size, word_dim)
        self.reader = nn.GRU(word_dim, hidden, batch_first=True)
        self.to_mu, self.to_logvar = nn.Linear(hidden, latent_dim), nn.Linear(hidden, latent_dim)
        self.writer = nn.LSTM(latent_dim, hidden, batch_first=True)
        self.scores = nn.Linear(hidden, vocab_size)

    def encode(self, tokens):
        last = self.reader(self.words(tokens))[1][-1]
        return self.to_mu(last), self.to_logvar(last)

    def reparameterize(self, mu, logvar):
        return mu + (0.5 * logvar).exp() * torch.randn_like(mu)

    def decode(self, z):
        return self.scores(self.writer(z.unsqueeze(1).repeat(1, self.max_len, 1))[0])

    def forward(self, tokens):
        mu, logvar = self.encode(tokens)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_fn(logits, tokens, mu, logvar):
    nll = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return nll + kl
