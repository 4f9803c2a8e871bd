// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @heads_c1(%q: tensor<?x48xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'q' to have a multiple of 32 columns (kv_heads * D of the cache), found 48}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 128
      : (tensor<?x48xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
  return
}

// -----

func.func @slots_rank_c2(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'slots' of rank 1, found 'tensor<?x?xi32>'}}
  %s, %o = mm1.attention_partials %q, %cache batch(%pages, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 128
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
  return
}

// -----

func.func @scale_c3(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects scale > 0, found -1}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = -1.0 cut = even
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
  return
}

// -----

func.func @stats_columns_c4(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects dimension 2 of 'stats' to be 8 (two for each query head), found 4}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 128
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x4xf32>, tensor<?x4x64xf32>)
  return
}

// -----

func.func @stats_rank_c4(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'stats' of rank 3, found 'tensor<?x8xf32>'}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 128
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x8xf32>, tensor<?x4x64xf32>)
  return
}

// -----

func.func @weighted_columns_c4(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects dimension 2 of 'weighted' to be 64 (columns of 'q'), found 32}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 128
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x32xf32>)
  return
}

// -----

func.func @as_many_spans_c4(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects dimension 1 of 'weighted' to be 4 (spans of 'stats'), found 3}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 128
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x3x64xf32>)
  return
}

// -----

func.func @known_spans_c4(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'stats' of at least one span, found 'tensor<?x?x8xf32>'}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 128
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x?x8xf32>, tensor<?x?x64xf32>)
  return
}

// -----

func.func @fixed_needs_tokens_c5(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects span_tokens with the cut 'fixed' and only with it, found the cut 'fixed' without them}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
  return
}

// -----

func.func @even_takes_none_c5(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects span_tokens with the cut 'fixed' and only with it, found the cut 'even' with them}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = even span_tokens = 128
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
  return
}

// -----

func.func @whole_pages_c5(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects span_tokens to be a multiple of the page, 64 tokens, found 100}}
  %s, %o = mm1.attention_partials %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 cut = fixed span_tokens = 100
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
  return
}
