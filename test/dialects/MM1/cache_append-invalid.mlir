// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @caches_agree_c1(%k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{'mm1.cache_append' op failed to verify that all of {cache, nextCache} have same type}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x32x16xf32>
  return
}

// -----

func.func @k_width_c2(%k: tensor<?x64xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'k' to have 32 columns (kv_heads * D of the cache), found 64}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @v_width_c2(%k: tensor<?x32xf32>, %v: tensor<?x64xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'v' to have 32 columns (kv_heads * D of the cache), found 64}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @k_rank_c2(%k: tensor<?x2x16xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'k' of rank 2, found 'tensor<?x2x16xf32>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x2x16xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @types_agree_c2(%k: tensor<?x32xf32>, %v: tensor<?x32xbf16>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'k' and 'v' of one type, found 'tensor<?x32xf32>' and 'tensor<?x32xbf16>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xbf16>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @cache_rank_c2(%k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects a cache [?, 2, kv_heads, page, D], found 'tensor<?x2x64x16xf32>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x64x16xf32>
  return
}

// -----

func.func @k_and_v_pages_c2(%k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x1x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects a cache [?, 2, kv_heads, page, D], found 'tensor<?x1x2x64x16xf32>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x1x2x64x16xf32>
  return
}

// -----

func.func @slots_rank_c3(%k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?x?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'slots' of rank 1, found 'tensor<?x?xi32>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @starts_rank_c3(%k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?x?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'starts' of rank 1, found 'tensor<?x?xi32>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @positions_rank_c3(%k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?x?xi32>,
              %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects 'positions' of rank 1, found 'tensor<?x?xi32>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @pages_rank_c3(%k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %c0: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
              %pages: tensor<?xi32>) {
  // expected-error @below {{expects 'pages' of rank 2, found 'tensor<?xi32>'}}
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x2x2x64x16xf32>
  return
}

// -----

func.func @known_sizes_c2(%k: tensor<?x32xf32>, %c0: tensor<?x2x?x64x16xf32>, %starts: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expects a cache [?, 2, kv_heads, page, D], found 'tensor<?x2x?x64x16xf32>'}}
  %c1 = mm1.cache_append %k, %k, %c0 batch(%starts, %starts, %starts, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x?x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> tensor<?x2x?x64x16xf32>
  return
}
