// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s
// RUN: mm1-opt %s --canonicalize | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: func.func @several
//       CHECK:   mm1.all_gather %{{.*}} ranks = 8 : tensor<?x64xf32> -> tensor<?x512xf32>
//  FOLD-LABEL: func.func @several
//        FOLD:   mm1.all_gather
func.func @several(%x: tensor<?x64xf32>) -> tensor<?x512xf32> {
  %y = mm1.all_gather %x ranks = 8 : tensor<?x64xf32> -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// CHECK-LABEL: func.func @one
//       CHECK:   mm1.all_gather
//  FOLD-LABEL: func.func @one
//  FOLD-SAME:    (%[[X:.*]]: tensor
//   FOLD-NEXT:   return %[[X]]
func.func @one(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = mm1.all_gather %x ranks = 1 : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
