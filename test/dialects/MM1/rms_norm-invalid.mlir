// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @shapes_c1(%x: tensor<?x64xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{'mm1.rms_norm' op failed to verify that all of {input, result} have same shape}}
  %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @weight_per_column_c2(%x: tensor<?x64xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{expects dimension 0 of 'weight' to be 64 (columns of 'input'), found 32}}
  %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xf32>, tensor<32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @weight_rank_c2(%x: tensor<?x64xf32>, %w: tensor<1x64xf32>) {
  // expected-error @below {{expects 'weight' of rank 1, found 'tensor<1x64xf32>'}}
  %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xf32>, tensor<1x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @input_rank_c2(%x: tensor<?x2x64xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{expects 'input' of rank 2, found 'tensor<?x2x64xf32>'}}
  %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x2x64xf32>, tensor<64xf32>) -> tensor<?x2x64xf32>
  return
}

// -----

func.func @eps_c3(%x: tensor<?x64xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{expects eps > 0, found 0}}
  %y = mm1.rms_norm %x, %w eps = 0.0 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @eps_is_a_number_c3(%x: tensor<?x64xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{expects eps > 0, found}}
  %y = mm1.rms_norm %x, %w eps = 0x7FF8000000000000 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}
