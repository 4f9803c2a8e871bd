// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @input_rank_c1(%y: tensor<?x64xf32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'mm1.combine' op expects 'input' of rank 3, found 'tensor<?x64xf32>'}}
  %f = mm1.combine %y, %w : (tensor<?x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @weights_rank_c1(%y: tensor<?x2x64xf32>, %w: tensor<?xf32>) {
  // expected-error @below {{expects 'weights' of rank 2, found 'tensor<?xf32>'}}
  %f = mm1.combine %y, %w : (tensor<?x2x64xf32>, tensor<?xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @result_rank_c1(%y: tensor<?x2x64xf32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{expects 'result' of rank 2, found 'tensor<?x2x64xf32>'}}
  %f = mm1.combine %y, %w : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x2x64xf32>
  return
}

// -----

func.func @choices_c1(%y: tensor<?x2x64xf32>, %w: tensor<?x3xf32>) {
  // expected-error @below {{expects dimension 1 of 'weights' to be 2 (choices per token in 'input'), found 3}}
  %f = mm1.combine %y, %w : (tensor<?x2x64xf32>, tensor<?x3xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @width_c1(%y: tensor<?x2x64xf32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{expects dimension 1 of 'result' to be 64 (the input's width), found 32}}
  %f = mm1.combine %y, %w : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @choices_known_c1(%y: tensor<?x?x64xf32>, %w: tensor<?x?xf32>) {
  // expected-error @below {{expects a known number of choices per token, found 'tensor<?x?x64xf32>'}}
  %f = mm1.combine %y, %w : (tensor<?x?x64xf32>, tensor<?x?xf32>) -> tensor<?x64xf32>
  return
}
