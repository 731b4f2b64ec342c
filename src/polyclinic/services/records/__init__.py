"""Records: the patient's record, and every R4 type that no other service owns."""
