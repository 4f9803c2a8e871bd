// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @states_agree_c1(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{'mm1.lightning_attention' op failed to verify that all of {state, nextState} have same type}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<8x4x16x16xf32>)
  return
}

// -----

func.func @square_state_c2(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x8xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects 'state' to be [slots, heads, D, D], found 'tensor<?x4x16x8xf32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x8xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x8xf32>)
  return
}

// -----

func.func @state_rank_c2(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects 'state' to be [slots, heads, D, D], found 'tensor<4x16x16xf32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<4x16x16xf32>)
  return
}

// -----

func.func @qkv_width_c2(%qkv: tensor<?x64xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects dimension 1 of 'qkv' to be 192 (heads * 3 * D of 'state'), found 64}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x64xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @qkv_rank_c2(%qkv: tensor<?x1x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects 'qkv' of rank 2, found 'tensor<?x1x192xf32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x1x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @out_width_c2(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects dimension 1 of 'out' to be 64 (heads * D of 'state'), found 192}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x192xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @out_rank_c2(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects 'out' of rank 2, found 'tensor<?x4x16xf32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @slope_per_head_c3(%qkv: tensor<?x192xf32>, %slopes: tensor<2xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects one slope per head: 'slopes' has 2 values, but dimension 1 (heads) of 'state' is 4}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<2xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @slopes_rank_c3(%qkv: tensor<?x192xf32>, %slopes: tensor<4x1xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects 'slopes' of rank 1, found 'tensor<4x1xf32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4x1xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @slots_rank_c4(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?x?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects 'slots' of rank 1, found 'tensor<?x?xi32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @starts_rank_c4(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?x?xi32>,
              %positions: tensor<?xi32>) {
  // expected-error @below {{expects 'starts' of rank 1, found 'tensor<?x?xi32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?x?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @positions_rank_c4(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
              %positions: tensor<?x?xi32>) {
  // expected-error @below {{expects 'positions' of rank 1, found 'tensor<?x?xi32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  return
}

// -----

func.func @known_sizes_c2(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x?x16x16xf32>, %v: tensor<?xi32>) {
  // expected-error @below {{expects 'state' to be [slots, heads, D, D], found 'tensor<?x?x16x16xf32>'}}
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%v, %v, %v)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x?x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
        -> (tensor<?x64xf32>, tensor<?x?x16x16xf32>)
  return
}
