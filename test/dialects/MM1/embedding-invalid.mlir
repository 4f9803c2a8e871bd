// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @tokens_rank_c1(%tokens: tensor<?x1xi32>, %table: tensor<512x64xf32>) {
  // expected-error @below {{'mm1.embedding' op expects 'tokens' of rank 1, found 'tensor<?x1xi32>'}}
  %x = mm1.embedding %tokens, %table : (tensor<?x1xi32>, tensor<512x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @table_rank_c1(%tokens: tensor<?xi32>, %table: tensor<64xf32>) {
  // expected-error @below {{expects 'table' of rank 2, found 'tensor<64xf32>'}}
  %x = mm1.embedding %tokens, %table : (tensor<?xi32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @result_rank_c1(%tokens: tensor<?xi32>, %table: tensor<512x64xf32>) {
  // expected-error @below {{expects 'result' of rank 2, found 'tensor<64xf32>'}}
  %x = mm1.embedding %tokens, %table : (tensor<?xi32>, tensor<512x64xf32>) -> tensor<64xf32>
  return
}

// -----

func.func @width_c2(%tokens: tensor<?xi32>, %table: tensor<512x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'result' to be 64 (the table's width), found 32}}
  %x = mm1.embedding %tokens, %table : (tensor<?xi32>, tensor<512x64xf32>) -> tensor<?x32xf32>
  return
}
