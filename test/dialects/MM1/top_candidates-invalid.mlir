// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @logits_rank_c1(%logits: tensor<100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{'mm1.top_candidates' op expects 'logits' of rank 2, found 'tensor<100xf32>'}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @known_vocabulary_c1(%logits: tensor<?x?xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects logits of a known vocabulary, found 'tensor<?x?xf32>'}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x?xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @mask_rank_c1(%logits: tensor<?x100xf32>, %mask: tensor<1x4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects 'mask' of rank 1, found 'tensor<1x4xi32>'}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<1x4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @a_bit_each_c1(%logits: tensor<?x100xf32>, %mask: tensor<3xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects dimension 0 of 'mask' to be 4 (a bit for each logit), found 3}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @none_c2(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects k between 1 and 100, found 0}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 0
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @more_than_there_are_c2(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects k between 1 and 100, found 101}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 101
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @counts_rank_c3(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?x1xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects 'counts' of rank 1, found 'tensor<?x1xi32>'}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?x1xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @scales_rank_c3(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?x1xf32>) {
  // expected-error @below {{expects 'inverse_temperatures' of rank 1, found 'tensor<?x1xf32>'}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?x1xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @values_width_c4(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects dimension 1 of 'values' to be 8 (candidates of a row), found 9}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x9xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @ids_rank_c4(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects 'ids' of rank 2, found 'tensor<8xi32>'}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<8xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @sums_width_c4(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>) {
  // expected-error @below {{expects dimension 1 of 'sums' to be 2 (largest logit and sum), found 1}}
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x1xf32>)
  return
}
