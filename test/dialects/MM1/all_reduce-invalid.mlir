// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @types_c1(%x: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.all_reduce' op failed to verify that all of {input, result} have same type}}
  %y = "mm1.all_reduce"(%x) {ranks = 8 : i64} : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @ranks_c2(%x: tensor<?x64xf32>) {
  // expected-error @below {{expects at least one rank, found 0}}
  %y = mm1.all_reduce %x ranks = 0 : tensor<?x64xf32>
  return
}

// -----

func.func @negative_ranks_c2(%x: tensor<?x64xf32>) {
  // expected-error @below {{expects at least one rank, found -8}}
  %y = mm1.all_reduce %x ranks = -8 : tensor<?x64xf32>
  return
}
