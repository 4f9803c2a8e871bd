// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @attention
//       CHECK:   mm1.softmax_attention %{{.*}}, %{{.*}} batch(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
func.func @attention(%q: tensor<?x64xbf16>, %cache: tensor<?x2x2x64x16xbf16>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
                     %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x64xbf16> {
  %o = mm1.softmax_attention %q, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @in_spans
//       CHECK:   mm1.softmax_attention {{.*}} scale = 2.500000e-01 span_tokens = 128 :
func.func @in_spans(%q: tensor<?x64xbf16>, %cache: tensor<?x2x2x64x16xbf16>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  %o = mm1.softmax_attention %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 span_tokens = 128
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return
}

// CHECK-LABEL: func.func @in_even_spans
//       CHECK:   mm1.softmax_attention {{.*}} scale = 2.500000e-01 even_spans = 32 :
func.func @in_even_spans(%q: tensor<?x64xbf16>, %cache: tensor<?x2x2x64x16xbf16>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  %o = mm1.softmax_attention %q, %cache batch(%v, %v, %v, %pages) scale = 0.25 even_spans = 32
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return
}
