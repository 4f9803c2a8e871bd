// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @input_rank_c1(%x: tensor<?x2x64xf32>, %rows: tensor<?xi32>) {
  // expected-error @below {{'mm1.gather_rows' op expects 'input' of rank 2, found 'tensor<?x2x64xf32>'}}
  %y = mm1.gather_rows %x, %rows : (tensor<?x2x64xf32>, tensor<?xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rows_rank_c1(%x: tensor<?x64xf32>, %rows: tensor<?x1xi32>) {
  // expected-error @below {{expects 'rows' of rank 1, found 'tensor<?x1xi32>'}}
  %y = mm1.gather_rows %x, %rows : (tensor<?x64xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @result_rank_c1(%x: tensor<?x64xf32>, %rows: tensor<?xi32>) {
  // expected-error @below {{expects 'result' of rank 2, found 'tensor<?xf32>'}}
  %y = mm1.gather_rows %x, %rows : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?xf32>
  return
}

// -----

func.func @element_type_c2(%x: tensor<?x64xf32>, %rows: tensor<?xi32>) {
  // expected-error @below {{expects one element type, found 'tensor<?x64xf32>' and 'tensor<?x64xbf16>'}}
  %y = mm1.gather_rows %x, %rows : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @width_c2(%x: tensor<?x64xf32>, %rows: tensor<?xi32>) {
  // expected-error @below {{expects dimension 1 of 'result' to be 64 (the input's width), found 32}}
  %y = mm1.gather_rows %x, %rows : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}
