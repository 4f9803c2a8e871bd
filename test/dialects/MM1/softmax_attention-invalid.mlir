// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @out_like_q_c1(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{'mm1.softmax_attention' op expects the result to be of type 'tensor<?x64xf32>' like 'q', found 'tensor<?x32xf32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @heads_c1(%q: tensor<?x48xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'q' to have a multiple of 32 columns (kv_heads * D of the cache), found 48}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x48xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @q_rank_c1(%q: tensor<?x4x16xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'q' of rank 2, found 'tensor<?x4x16xf32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x4x16xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @cache_rank_c1(%q: tensor<?x64xf32>, %cache: tensor<?x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects a cache [?, 2, kv_heads, page, D], found 'tensor<?x2x64x16xf32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @slots_rank_c2(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?x?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'slots' of rank 1, found 'tensor<?x?xi32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @starts_rank_c2(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?x?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'starts' of rank 1, found 'tensor<?x?xi32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @positions_rank_c2(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?x?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'positions' of rank 1, found 'tensor<?x?xi32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @pages_rank_c2(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?xi32>) {
  // expected-error @below {{expects 'pages' of rank 2, found 'tensor<?xi32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @scale_c3(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects scale > 0, found 0}}
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.0
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

// Zero heads: there is no width that q could be a multiple of.
func.func @no_heads_c1(%q: tensor<?x64xf32>, %cache: tensor<?x2x0x64x16xf32>, %starts: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects a cache [?, 2, kv_heads, page, D], found 'tensor<?x2x0x64x16xf32>'}}
  %o = mm1.softmax_attention %q, %cache batch(%starts, %starts, %starts, %pages) scale = 1.0
      : (tensor<?x64xf32>, tensor<?x2x0x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @whole_pages_c4(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects span_tokens to be a multiple of the page, 64 tokens, found 0}}
  %o = mm1.softmax_attention %q, %cache batch(%v, %v, %v, %pages) scale = 1.0 span_tokens = 0
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @even_spans_c5(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects even_spans >= 1, found 0}}
  %o = mm1.softmax_attention %q, %cache batch(%v, %v, %v, %pages) scale = 1.0 even_spans = 0
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @one_cut_c5(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects span_tokens or even_spans, found both}}
  %o = mm1.softmax_attention %q, %cache batch(%v, %v, %v, %pages) scale = 1.0 span_tokens = 64 even_spans = 2
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return
}
