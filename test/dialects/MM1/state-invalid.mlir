// RUN: mm1-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expects a recurrent pool '[?, heads, D, D]' in f32, found 'tensor<?x4x16x8xf32>'}}
mm1.state recurrent @square_c1 : tensor<?x4x16x8xf32>

// -----

// expected-error @below {{expects a recurrent pool '[?, heads, D, D]' in f32, found 'tensor<?x4x16x16xbf16>'}}
mm1.state recurrent @always_f32_c1 : tensor<?x4x16x16xbf16>

// -----

// expected-error @below {{expects a recurrent pool '[?, heads, D, D]' in f32, found 'tensor<8x4x16x16xf32>'}}
mm1.state recurrent @slots_open_c1 : tensor<8x4x16x16xf32>

// -----

// expected-error @below {{expects a recurrent pool '[?, heads, D, D]' in f32, found 'tensor<?x16x16xf32>'}}
mm1.state recurrent @rank_c1 : tensor<?x16x16xf32>

// -----

// expected-error @below {{expects a KV pool '[?, 2, kv_heads, page, D]' in f32 or bf16, found 'tensor<?x1x2x64x16xbf16>'}}
mm1.state kv_pages @k_and_v_c2 : tensor<?x1x2x64x16xbf16>

// -----

// expected-error @below {{expects a KV pool '[?, 2, kv_heads, page, D]' in f32 or bf16, found 'tensor<?x2x2x64x?xbf16>'}}
mm1.state kv_pages @known_sizes_c2 : tensor<?x2x2x64x?xbf16>

// -----

// expected-error @below {{expects a KV pool '[?, 2, kv_heads, page, D]' in f32 or bf16, found 'tensor<?x2x2x64x16xi8>'}}
mm1.state kv_pages @float_c2 : tensor<?x2x2x64x16xi8>
