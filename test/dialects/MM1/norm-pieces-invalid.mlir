// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @sums_rank_c1(%x: tensor<?x2x64xf32>) {
  // expected-error @below {{'mm1.sum_squares' op expects 'input' of rank 2, found 'tensor<?x2x64xf32>'}}
  %s = mm1.sum_squares %x : tensor<?x2x64xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @stretches_divide_c2(%x: tensor<?x64xf32>) {
  // expected-error @below {{expects a number of stretches that divides the 64 columns of 'input', found 3}}
  %s = mm1.sum_squares %x : tensor<?x64xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @norm_keeps_shape_c1(%x: tensor<?x64xf32>, %s: tensor<?x4xf32>) {
  // expected-error @below {{'mm1.norm_rows' op expects 'input' and its result of one shape, found 'tensor<?x64xf32>' and 'tensor<?x32xf32>'}}
  %y = mm1.norm_rows %x, %s width = 64 eps = 1.0e-6 : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @sums_of_rows_c2(%x: tensor<?x64xf32>, %s: tensor<?xf32>) {
  // expected-error @below {{expects 'sums' of rank 2, found 'tensor<?xf32>'}}
  %y = mm1.norm_rows %x, %s width = 64 eps = 1.0e-6 : (tensor<?x64xf32>, tensor<?xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @positive_c3(%x: tensor<?x64xf32>, %s: tensor<?x4xf32>) {
  // expected-error @below {{expects width > 0 and eps > 0, found 64 and 0.000000e+00}}
  %y = mm1.norm_rows %x, %s width = 64 eps = 0.0 : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @scaling_keeps_shape_c1(%x: tensor<?x64xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{'mm1.scale_columns' op expects 'input' and its result of one shape, found 'tensor<?x64xf32>' and 'tensor<?x32xf32>'}}
  %y = mm1.scale_columns %x, %w : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @a_weight_per_column_c2(%x: tensor<?x64xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{expects dimension 0 of 'weight' to be 64 (columns of 'input'), found 32}}
  %y = mm1.scale_columns %x, %w : (tensor<?x64xf32>, tensor<32xf32>) -> tensor<?x64xf32>
  return
}
