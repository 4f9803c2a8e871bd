"""The published architecture in PyTorch, for training: what config.json says and nothing else.

    model = Model(json.load(open("config.json")))
    logits, balance = model(ids)          # ids [B, T] -> logits [B, T, V], load-balance term

Residuals are of the normalised stream: the residual operand is the output of the norm, scaled by alpha. Lightning layers
are computed in exact chunks, softmax layers rotate only the first `rotary_dim` channels of a head, experts are top-k of a
softmax router. Parameter names are those of the published checkpoints.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

CHUNK = 64  # tokens of a lightning chunk; any size gives the same values


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight, self.eps)


def slopes(heads, layer, layers):
    """Decay rate of each head: exp(-slope) a token. 2^(-8(h+1)/n), then weaker from layer to layer."""
    assert heads & (heads - 1) == 0, "this script knows head counts that are powers of two"
    base = torch.tensor([2 ** (-8 * (h + 1) / heads) for h in range(heads)])
    return base * (1 - layer / (layers - 1) + 1e-5)


class LightningAttention(nn.Module):
    """o_t = sum over u <= t of exp(-s (t - u)) (q_t . k_u) v_u, one slope s per head."""

    def __init__(self, config, layer):
        super().__init__()
        hidden, self.heads, self.dim = config["hidden_size"], config["num_attention_heads"], config["head_dim"]
        width = self.heads * self.dim
        self.qkv_proj = nn.Linear(hidden, 3 * width, bias=False)
        self.output_gate = nn.Linear(hidden, width, bias=False)
        self.out_proj = nn.Linear(width, hidden, bias=False)
        self.norm = RMSNorm(width, 1e-6)
        s = slopes(self.heads, layer, config["num_hidden_layers"])[:, None]
        i = torch.arange(CHUNK)
        distance = (i[:, None] - i[None, :]).clamp(min=0)
        inside = torch.exp(-s[:, :, None] * distance) * (i[:, None] >= i[None, :])
        self.register_buffer("inside", inside, persistent=False)                           # [h, C, C]
        self.register_buffer("query_decay", torch.exp(-s * (i + 1))[..., None], persistent=False)          # [h, C, 1]
        self.register_buffer("key_decay", torch.exp(-s * (CHUNK - 1 - i))[..., None], persistent=False)    # [h, C, 1]
        self.register_buffer("slope", s, persistent=False)

    def forward(self, u):
        batch, tokens, _ = u.shape
        chunks = -(-tokens // CHUNK)
        z = F.silu(self.qkv_proj(u))
        z = F.pad(z, (0, 0, 0, chunks * CHUNK - tokens))  # zero keys behind the end change nothing before it
        q, k, v = z.view(batch, chunks, CHUNK, self.heads, 3, self.dim).permute(4, 0, 3, 1, 2, 5)  # [b, h, c, C, d]
        out = ((q @ k.transpose(-1, -2)) * self.inside[:, None]) @ v
        if chunks > 1:
            added = (k * self.key_decay[:, None]).transpose(-1, -2) @ v                    # what each chunk adds: [b, h, c, d, d]
            c = torch.arange(chunks)
            gap = (c[:, None] - 1 - c[None, :]).clamp(min=0)
            carry = torch.exp(-self.slope[:, :, None] * CHUNK * gap) * (c[:, None] > c[None, :])  # [h, c, c]
            incoming = torch.einsum("hij,bhjkl->bhikl", carry, added)
            out = out + (q * self.query_decay[:, None]) @ incoming
        out = out.permute(0, 2, 3, 1, 4).reshape(batch, chunks * CHUNK, -1)[:, :tokens]
        return self.out_proj(self.norm(out) * torch.sigmoid(self.output_gate(u)))


class SoftmaxAttention(nn.Module):
    """Causal attention with shared key-value heads and rotary positions on the first channels of a head."""

    def __init__(self, config):
        super().__init__()
        hidden, self.dim = config["hidden_size"], config["head_dim"]
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.q_proj = nn.Linear(hidden, self.heads * self.dim, bias=False)
        self.k_proj = nn.Linear(hidden, self.kv_heads * self.dim, bias=False)
        self.v_proj = nn.Linear(hidden, self.kv_heads * self.dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.dim, hidden, bias=False)
        self.rotary = config["rotary_dim"]
        exponents = torch.arange(0, self.rotary, 2, dtype=torch.float32) / self.rotary
        powers = (config["rope_theta"] ** exponents.double()).float()
        self.register_buffer("frequencies", 1.0 / powers, persistent=False)

    def rotate(self, x):  # [b, h, t, d]; channel i turns with channel i + rotary / 2
        # Positions times frequencies are rounded to float32 whatever x is: that is part of the published model.
        angles = (torch.arange(x.shape[2])[:, None] * self.frequencies.float()).to(x.dtype)
        cos, sin = angles.cos(), angles.sin()
        a, b, rest = x.split([self.rotary // 2, self.rotary // 2, self.dim - self.rotary], -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def forward(self, u):
        batch, tokens, _ = u.shape
        split = lambda x, heads: x.view(batch, tokens, heads, self.dim).transpose(1, 2)
        q, k = self.rotate(split(self.q_proj(u), self.heads)), self.rotate(split(self.k_proj(u), self.kv_heads))
        v = split(self.v_proj(u), self.kv_heads)
        k, v = (x.repeat_interleave(self.heads // self.kv_heads, 1) for x in (k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(batch, tokens, -1))


class Expert(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, width = config["hidden_size"], config["intermediate_size"]
        self.w1 = nn.Linear(hidden, width, bias=False)
        self.w2 = nn.Linear(width, hidden, bias=False)
        self.w3 = nn.Linear(hidden, width, bias=False)


class SparseMoe(nn.Module):
    """Top-k experts of a softmax router, their weights renormalised to one."""

    def __init__(self, config):
        super().__init__()
        self.top_k, self.count = config["num_experts_per_tok"], config["num_local_experts"]
        self.gate = nn.Linear(config["hidden_size"], self.count, bias=False)
        self.experts = nn.ModuleList(Expert(config) for _ in range(self.count))

    def forward(self, m):
        p = self.gate(m).softmax(-1)
        best, chosen = p.topk(self.top_k, -1)
        weights = torch.zeros_like(p).scatter(-1, chosen, best / best.sum(-1, keepdim=True))  # [b, t, E], zero if not chosen
        # With so few and small experts, one product over all of them beats picking each one's tokens; the weights of
        # those not chosen are zero, so the result is the same.
        w1 = torch.cat([expert.w1.weight for expert in self.experts])
        w3 = torch.cat([expert.w3.weight for expert in self.experts])
        w2 = torch.cat([expert.w2.weight for expert in self.experts], 1)
        h = F.silu(F.linear(m, w1)) * F.linear(m, w3)
        h = (h.view(*m.shape[:-1], self.count, -1) * weights[..., None]).flatten(-2)
        # Even use of the experts: share of tokens times mean probability, 1 when even (Switch Transformer).
        share = (weights > 0).float().mean((0, 1)) / self.top_k
        return F.linear(h, w2), self.count * (share * p.mean((0, 1))).sum()


class Layer(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.is_softmax = config["attn_type_list"][index] == 1
        kind = "full" if self.is_softmax else "linear"
        self.alpha = config[f"layernorm_{kind}_attention_alpha"], config["layernorm_mlp_alpha"]
        self.beta = config[f"layernorm_{kind}_attention_beta"], config["layernorm_mlp_beta"]
        assert config["postnorm"], "this script trains the normalised stream"
        self.input_layernorm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        self.post_attention_layernorm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        self.self_attn = SoftmaxAttention(config) if self.is_softmax else LightningAttention(config, index)
        self.block_sparse_moe = SparseMoe(config)

    def forward(self, x):
        u = self.input_layernorm(x)
        m = self.post_attention_layernorm(self.alpha[0] * u + self.beta[0] * self.self_attn(u))
        f, balance = self.block_sparse_moe(m)
        return self.alpha[1] * m + self.beta[1] * f, balance


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.model.layers = nn.ModuleList(Layer(config, index) for index in range(config["num_hidden_layers"]))
        self.model.norm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        self.lm_head = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                fan_in = 1 if "embed" in name else weight.shape[1]
                nn.init.normal_(weight, std=1 / math.sqrt(fan_in))

    def hidden(self, ids):
        """The normed stream before the head, [B, T, H], and the mean load-balance term."""
        x, balances = self.model.embed_tokens(ids), []
        for layer in self.model.layers:
            x, balance = layer(x)
            balances.append(balance)
        return self.model.norm(x), torch.stack(balances).mean()

    def forward(self, ids):
        h, balance = self.hidden(ids)
        return self.lm_head(h), balance
