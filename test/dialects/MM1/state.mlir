// RUN: mm1-opt %s --verify-roundtrip --split-input-file | FileCheck %s

// CHECK: mm1.state recurrent @layers.0.lightning : tensor<?x4x16x16xf32>
mm1.state recurrent @layers.0.lightning : tensor<?x4x16x16xf32>
// CHECK: mm1.state kv_pages @layers.3.kv : tensor<?x2x2x64x16xbf16>
mm1.state kv_pages @layers.3.kv : tensor<?x2x2x64x16xbf16>
// CHECK: mm1.state kv_pages @layers.7.kv : tensor<?x2x1x64x96xf32>
mm1.state kv_pages @layers.7.kv : tensor<?x2x1x64x96xf32>
