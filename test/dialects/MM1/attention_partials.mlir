// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @fixed_and_even
//       CHECK:   mm1.attention_partials %{{.*}}, %{{.*}} batch(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) scale = 2.500000e-01 cut = fixed span_tokens = 1024 : (tensor<?x64xbf16>, {{.*}}) -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
//       CHECK:   mm1.attention_partials {{.*}} cut = even : {{.*}} -> (tensor<?x1x8xf32>, tensor<?x1x64xf32>)
func.func @fixed_and_even(%q: tensor<?x64xbf16>, %cache: tensor<?x2x2x64x16xbf16>, %slots: tensor<?xi32>,
                          %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  %s, %o = mm1.attention_partials %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25 cut = fixed span_tokens = 1024
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x4x8xf32>, tensor<?x4x64xf32>)
  %t, %p = mm1.attention_partials %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25 cut = even
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x1x8xf32>, tensor<?x1x64xf32>)
  return
}
