// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @result_rank_c1(%s: tensor<?x4x8xf32>, %o: tensor<?x4x64xf32>) {
  // expected-error @below {{expects 'result' of rank 2, found 'tensor<?x4x16xbf16>'}}
  %y = mm1.merge_partials %s, %o : (tensor<?x4x8xf32>, tensor<?x4x64xf32>) -> tensor<?x4x16xbf16>
  return
}

// -----

func.func @stats_rank_c1(%s: tensor<?x8xf32>, %o: tensor<?x4x64xf32>) {
  // expected-error @below {{expects 'stats' of rank 3, found 'tensor<?x8xf32>'}}
  %y = mm1.merge_partials %s, %o : (tensor<?x8xf32>, tensor<?x4x64xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @odd_stats_c1(%s: tensor<?x4x7xf32>, %o: tensor<?x4x64xf32>) {
  // expected-error @below {{expects 'stats' of two columns for each head, and heads that divide the 64 columns of the result, found 'tensor<?x4x7xf32>'}}
  %y = mm1.merge_partials %s, %o : (tensor<?x4x7xf32>, tensor<?x4x64xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @heads_c1(%s: tensor<?x4x6xf32>, %o: tensor<?x4x64xf32>) {
  // expected-error @below {{expects 'stats' of two columns for each head, and heads that divide the 64 columns of the result, found 'tensor<?x4x6xf32>'}}
  %y = mm1.merge_partials %s, %o : (tensor<?x4x6xf32>, tensor<?x4x64xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @weighted_columns_c1(%s: tensor<?x4x8xf32>, %o: tensor<?x4x32xf32>) {
  // expected-error @below {{expects dimension 2 of 'weighted' to be 64 (columns of the result), found 32}}
  %y = mm1.merge_partials %s, %o : (tensor<?x4x8xf32>, tensor<?x4x32xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @as_many_spans_c1(%s: tensor<?x4x8xf32>, %o: tensor<?x5x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'weighted' to be 4 (spans of 'stats'), found 5}}
  %y = mm1.merge_partials %s, %o : (tensor<?x4x8xf32>, tensor<?x5x64xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @spans_c2(%s: tensor<?x0x8xf32>, %o: tensor<?x0x64xf32>) {
  // expected-error @below {{expects 'stats' of at least one span, found 'tensor<?x0x8xf32>'}}
  %y = mm1.merge_partials %s, %o : (tensor<?x0x8xf32>, tensor<?x0x64xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @no_columns_c2(%s: tensor<?x4x8xf32>, %o: tensor<?x4x64xf32>) {
  // expected-error @below {{expects 'stats' of two columns for each head, and heads that divide the 0 columns of the result, found 'tensor<?x4x8xf32>'}}
  %y = mm1.merge_partials %s, %o : (tensor<?x4x8xf32>, tensor<?x4x64xf32>) -> tensor<?x0xbf16>
  return
}
