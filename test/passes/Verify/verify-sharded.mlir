// RUN: mm1-opt %s --mm1-verify-sharded --split-input-file | FileCheck %s

// CHECK: mm1.silu
module attributes {mm1.ranks = 1 : i64} {
  func.func @one_rank(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %y = mm1.silu %x : tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

// CHECK: mm1.all_reduce
module attributes {mm1.ranks = 8 : i64} {
  func.func @all_of_them(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %y = mm1.all_reduce %x ranks = 8 : tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}
