/* SPDX-License-Identifier: Apache-2.0

   The compiled model, read in place from flash. */
  .section .model, "a"
  .balign 16
  .global ocellus_model_begin, ocellus_model_end
ocellus_model_begin:
  .incbin OCELLUS_MODEL
ocellus_model_end:
  .balign 16
