// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @logits_rank_c1(%logits: tensor<4xf32>) {
  // expected-error @below {{'mm1.router' op expects 'logits' of rank 2, found 'tensor<4xf32>'}}
  %ids, %w = mm1.router %logits : tensor<4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @ids_rank_c1(%logits: tensor<?x4xf32>) {
  // expected-error @below {{expects 'ids' of rank 2, found 'tensor<?xi32>'}}
  %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?xi32>, tensor<?x1xf32>
  return
}

// -----

func.func @weights_rank_c1(%logits: tensor<?x4xf32>) {
  // expected-error @below {{expects 'weights' of rank 2, found 'tensor<?xf32>'}}
  %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?xf32>
  return
}

// -----

func.func @as_many_weights_c1(%logits: tensor<?x4xf32>) {
  // expected-error @below {{expects dimension 1 of 'weights' to be 2 (as many as ids), found 3}}
  %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x3xf32>
  return
}

// -----

func.func @too_many_c2(%logits: tensor<?x4xf32>) {
  // expected-error @below {{expects between 1 and 4 experts per token, found 5}}
  %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?x5xi32>, tensor<?x5xf32>
  return
}

// -----

func.func @none_c2(%logits: tensor<?x4xf32>) {
  // expected-error @below {{expects between 1 and 4 experts per token, found 0}}
  %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?x0xi32>, tensor<?x0xf32>
  return
}
