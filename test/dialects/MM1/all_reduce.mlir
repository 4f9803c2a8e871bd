// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s
// RUN: mm1-opt %s --canonicalize | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: func.func @several
//       CHECK:   mm1.all_reduce %{{.*}} ranks = 8 : tensor<?x64xbf16>
//  FOLD-LABEL: func.func @several
//        FOLD:   mm1.all_reduce
func.func @several(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = mm1.all_reduce %x ranks = 8 : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @one
//       CHECK:   mm1.all_reduce
//  FOLD-LABEL: func.func @one
//  FOLD-SAME:    (%[[X:.*]]: tensor
//   FOLD-NEXT:   return %[[X]]
func.func @one(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = mm1.all_reduce %x ranks = 1 : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
